"""Images in the ramdisk: archives that real tools wrote, and what a build makes of them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import engines
import pytest
from archives import Image, digest, docker, entry, oci, tar

from osie.contracts.image_reference import Reference
from osie.core.errors import OsieError
from osie.core.files import sha256_of_file
from osie.core.process import run
from osie.image.artifacts import parts
from osie.image.embedded.embedded import StoredImage, Unpacker, Wanted

from .conftest import Workshop

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

NAME = Reference.parse("registry.example/tool:1")
LOWER = tar({"a": b"1", "gone": b"1", "d/hidden": b"1"})
RAW = bytes.fromhex("0100000200200000000000000000000000000000")  # CAP_NET_RAW, VFS_CAP_REVISION_2
CAPABLE = {"SCHILY.xattr.security.capability": os.fsdecode(RAW)}
OWN = (entry("d/own", uid=7, gid=8, mtime=9, mode=0o4711, pax_headers=CAPABLE), b"own")
UPPER = tar([entry(".wh.gone"), entry("d/.wh..wh..opq"), OWN])
IMAGE = Image([LOWER, UPPER], "gzip")


def _wanted(archive: Path) -> Wanted:
    return Wanted(NAME, archive, sha256_of_file(archive))


def _unpacked(archive: Path, into: Path) -> StoredImage:
    return Unpacker(into, "/x").add(_wanted(archive))


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_what_skopeo_writes(tmp_path: Path, kind: str) -> None:
    """Both kinds of archive: the same image, by its ID, with the same files."""
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    source = oci(tmp_path / "source.tar", [IMAGE])
    target = tmp_path / "target.tar"
    copy = [
        "skopeo",
        "--policy",
        str(policy),
        "copy",
        "-q",
        f"oci-archive:{source}",
        f"{kind}:{target}:{IMAGE.name}",
    ]
    run(copy)
    stored = _unpacked(target, tmp_path / "layers")
    assert [layer.diff_id for layer in stored.layers] == [digest(LOWER), digest(UPPER)]
    assert _names(tmp_path / "layers/1") == {"a", "d/own"}


def test_what_a_real_docker_saves(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A container removes files and a folder's contents, and is committed: what is saved has them no more."""
    root = tar([(entry("busybox", mode=0o755), Path("/bin/busybox").read_bytes())])
    (tmp_path / "root.tar").write_bytes(root)
    with engines.docker(tmp_path_factory.mktemp("engine")) as engine:  # a short path: it has sockets in it
        socket = Path(engine.socket)

        def post(target: str, told: object = None) -> dict[str, str]:
            body = ["-H", "Content-Type: application/json", "-d", json.dumps(told or {})]
            done = engines.curl(socket, target, "-X", "POST", *body)
            assert done.returncode == 0, done.stderr
            answer: dict[str, str] = json.loads(done.stdout or b"{}")
            return answer

        engines.load(engine, "step:0", tmp_path / "root.tar")
        scripts = (
            "mkdir d && echo 1 >d/x && echo 1 >keep && echo 1 >gone",
            "rm -r gone d && mkdir d && echo 2 >d/y",
        )
        for number, script in enumerate(scripts):
            command = [
                "/busybox",
                "sh",
                "-ec",
                "\n".join(f"/busybox {each}" for each in script.split(" && ")),
            ]
            spec = {"Image": f"step:{number}", "Cmd": command, "HostConfig": {"NetworkMode": "host"}}
            container = post("/containers/create", spec)["Id"]
            post(f"/containers/{container}/start")
            assert (
                json.loads(engines.curl(socket, f"/containers/{container}/wait", "-X", "POST").stdout)[
                    "StatusCode"
                ]
                == 0
            )
            post(f"/commit?container={container}&repo=step&tag={number + 1}")
        saved = tmp_path / "saved.tar"
        assert engines.curl(socket, "/images/get?names=step:0&names=step:2", "-o", str(saved)).returncode == 0
    stored = Unpacker(tmp_path / "layers", "/x").add(Wanted(Reference.parse("step:2"), saved, ""))
    assert [layer.is_whole for layer in stored.layers] == [False, False, True]
    files = _names(tmp_path / "layers/2")
    assert {name for name in files if not name.startswith(("dev/", "etc/", ".dockerenv"))} == {
        "busybox",
        "keep",
        "d/y",
    }


def test_a_build_with_images(workshop: Workshop, tmp_path: Path) -> None:
    """Owners, modes, times and capabilities are the image's; it's a part of its own; a change is noticed."""
    plain, _ = workshop.build()
    archive = docker(tmp_path / "tool.tar", [IMAGE])
    manifest, seen = workshop.build(images=[_wanted(archive)])
    assert seen.done == ["squash-images", "squash-worker", "squash-ours", "initramfs", "parts", "artifacts"]
    embedded = manifest.parts["images"]
    assert isinstance(embedded, dict)
    assert embedded.keys() == {IMAGE.name}
    assert parts.total(manifest.parts) == manifest.size
    image = max(
        (workshop.folder / "cache").glob("squash-ours-*/image"), key=lambda path: path.stat().st_mtime
    )
    listed = run(["unsquashfs", "-lln", "-UTC", image, "osie-images/1"]).stdout
    run(["unsquashfs", "-quiet", "-no-progress", "-d", tmp_path / "root", image, "osie-images/1"])
    own = tmp_path / "root/osie-images/1/d/own"
    assert os.getxattr(own, "security.capability") == RAW
    assert own.stat().st_mode & 0o7777 == 0o4711
    assert re.search(r" 7/8 +3 1970-01-01 00:00 squashfs-root/osie-images/1/d/own$", listed, re.MULTILINE)
    assert "gone" not in listed
    again, seen = workshop.build(images=[_wanted(archive)])
    assert (seen.done, again) == ([], manifest)
    oci(archive, [IMAGE])
    _, seen = workshop.build(images=[_wanted(archive)])
    assert seen.done[0] == "squash-images"
    last, seen = workshop.build()
    assert (seen.done, last) == (["artifacts"], plain)


def test_images_are_packed_to_the_same_bytes(workshop: Workshop, tmp_path: Path) -> None:
    """From two copies of an archive, each unpacked by itself."""
    made = []
    for number in range(2):
        archive = oci(tmp_path / f"{number}.tar", [IMAGE])
        with (tmp_path / "key").open("a") as key:  # a key of its own, so that it is made again
            key.write("x")
        wanted = Wanted(NAME, archive, sha256_of_file(tmp_path / "key"))
        made.append(workshop.build(images=[wanted])[0].artifacts)
    assert made[0] == made[1]


def test_a_damaged_archive_leaves_nothing(workshop: Workshop, tmp_path: Path) -> None:
    """One error with the file and the layer; neither the cache nor the output has anything of it."""
    before = workshop.build()[0]
    layer = "blobs/" + digest(IMAGE.packed[1]).replace(":", "/")
    damaged = Image(IMAGE.layers, "gzip", blobs={layer: IMAGE.packed[0]})
    archive = oci(tmp_path / "tool.tar", [damaged])
    cached = {path.name for path in (workshop.folder / "cache").iterdir()}
    with pytest.raises(OsieError, match=rf"^{archive}: its layer {layer} is damaged: its digest is sha256:"):
        workshop.build(images=[_wanted(archive)])
    assert {path.name for path in (workshop.folder / "cache").iterdir()} == cached
    assert workshop.build()[0] == before


def test_a_large_layer_takes_little_memory(tmp_path: Path) -> None:
    """Layers go through in pieces: a process with little memory unpacks one that is much larger."""
    big = Image([tar({"zeros": bytes(96 << 20)})], "gzip")
    archive = oci(tmp_path / "big.tar", [big])
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from osie.image.embedded.embedded import Unpacker, Wanted\n"
        "from osie.contracts.image_reference import Reference\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "Unpacker(Path(sys.argv[2]), '/x').add(Wanted(Reference.parse('a'), Path(sys.argv[1]), ''))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    argv = [sys.executable, "-c", code, str(archive), str(tmp_path / "layers")]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 32 << 10  # KiB
