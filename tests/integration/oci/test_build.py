"""The real images: built from Debian's packages, run by chroot, read and pulled by skopeo."""

import ast
import asyncio
import bz2
import gzip
import json
import lzma
import shutil
import tarfile
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import zstandard
from aiohttp import web
from disk_images import noise

import osie
from osie.core.files import sha256_of_file
from osie.core.process import run
from osie.oci import archive, base, layer, layout
from osie.oci.images import BuiltImage
from osie.registry import app

_IMPORTS = """
import asyncio, bz2, ctypes, hashlib, http.client, http.server, json, lzma, ssl, tarfile, urllib.request
import google.protobuf, grpclib.client, zstandard
from osie.contracts import telemetry_pb2, tink_pb2
import osie.worker
tink_pb2.ActionRequest(agent_id="a").SerializeToString()
assert zstandard.backend == "cext", zstandard.backend
assert zstandard.decompress(zstandard.compress(b"x" * 999)) == b"x" * 999
assert len(ssl.create_default_context().get_ca_certs()) > 100
assert hashlib.new("sha512", b"").digest() and lzma.compress(b"x") and bz2.compress(b"x")
assert tink_pb2.__cached__.endswith(".pyc")
from pathlib import Path
assert Path(tink_pb2.__cached__).exists(), tink_pb2.__cached__
print("fine")
"""

# Prints the modules that were loaded with no byte code at hand.
_COMPILED = """
import os, sys
cached = [getattr(module, "__cached__", None) for module in list(sys.modules.values())]
print([path for path in cached if path and not os.path.exists(path)])
"""


@pytest.fixture(scope="session")
def rootfs(built: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker's root file system, unpacked from its layers."""
    return _unpacked(built.worker, tmp_path_factory.mktemp("rootfs"))


def _unpacked(image: BuiltImage, root: Path) -> Path:
    for part in image.layers:
        with tarfile.open(part.tar) as tar:
            tar.extractall(root, filter="fully_trusted")  # noqa: S202  # ours; has absolute links
    return root


def _in_container(rootfs: Path, *argv: str) -> str:
    """Run a command with the image's root and environment."""
    environment = {
        "PATH": "/usr/bin:/usr/sbin",
        "PYTHONPATH": "/usr/lib/osie/python",
        "PYTHONDONTWRITEBYTECODE": "1",  # or byte code that is missing wouldn't be for long
    }
    return run(["chroot", rootfs, *argv], env=environment).stdout


def test_the_worker_finds_all_it_imports(rootfs: Path) -> None:
    """In the image's own root: gRPC, protobuf, zstd in C, TLS with certificates, our code with byte code."""
    assert _in_container(rootfs, "python3", "-c", _IMPORTS) == "fine\n"


def test_every_image_is_complete(built: Any, tmp_path: Path) -> None:
    """In each image, the program it runs finds all modules that its sources import, each with byte code."""
    for image in built.images:
        root = _unpacked(image, tmp_path / image.ref.partition(":")[0])
        sources = [path.read_text() for path in (root / "usr/lib/osie/python").rglob("*.py")]
        modules = sorted(set().union(*map(_imported, sources)))
        _, config = layout.manifest(built.layout, image.ref)
        program = json.loads(config)["config"]["Entrypoint"][2]
        check = [f"import {module}" for module in (*modules, f"{program}.__main__")]
        assert _in_container(root, "python3", "-c", "\n".join([*check, _COMPILED])) == "[]\n", image.ref


@pytest.mark.parametrize(
    ("action", "program"),
    [
        ("image2disk", "gpgv"),
        ("image2disk", "xz"),
        ("archive2disk", "tar"),
        ("qemuimg2disk", "qemu-nbd"),
    ],
)
def test_an_actions_programs_run(built: Any, tmp_path: Path, action: str, program: str) -> None:
    """What an action starts is in its image, with the libraries it loads."""
    image = next(image for image in built.images if image.ref == f"actions/{action}:latest")
    assert program in _in_container(_unpacked(image, tmp_path / "root"), program, "--version")


def test_an_image_is_written_by_what_is_in_the_image(built: Any, tmp_path: Path) -> None:
    """Debian's Python and libraries, not this host's, write every format as it should be."""
    image = next(image for image in built.images if image.ref == "actions/image2disk:latest")
    root = _unpacked(image, tmp_path / "root")
    content = noise(3 << 20) + bytes(2 << 20)
    for kind, packed in {
        "raw": content,
        "gzip": gzip.compress(content, 1),
        "bzip2": bz2.compress(content, 1),
        "xz": lzma.compress(content, preset=0),
        "zstd": zstandard.compress(content, 1),
        "lz4": lz4.frame.compress(content),
    }.items():
        (root / "image").write_bytes(packed)
        (root / "disk").write_bytes(b"")
        given = {"IMG_URL": "file:///image", "DEST_DISK": "/disk", "READBACK": "full"}
        words = [f"{name}={value}" for name, value in given.items()]
        said = _in_container(root, "env", *words, "python3", "-m", "osie.actions.image2disk")
        assert f"writing file:///image ({kind})" in said
        assert (root / "disk").read_bytes() == content


def test_every_actions_layer_is_shared(built: Any) -> None:
    """Actions that want the same packages have the same layer, and the worker, in the ramdisk, has none."""
    between = {image.ref: image.layers[1:-1] for image in built.images}
    assert between["tink-worker:latest"] == ()
    assert between["actions/reboot:latest"] == ()
    assert between["actions/image2disk:latest"]
    distinct = {part.digest for layers in between.values() for part in layers}
    assert len(list(built.cache.glob("oci-extra-*"))) == len(distinct)


def _imported(source: str) -> set[str]:
    """The modules that a source names in imports, wherever in it they are; but for what types are made of."""
    modules: set[str] = set()
    waiting: list[ast.AST] = [*ast.parse(source).body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


def test_a_shell_is_there(rootfs: Path) -> None:
    """An action that runs commands finds sh and the small tools."""
    assert _in_container(rootfs, "sh", "-c", "echo one two | awk '{ print $2 }'") == "two\n"


def test_the_base_keeps_to_its_budget(built: Any) -> None:
    """35 MB unpacked, 11 MB packed: the image is part of a ramdisk. What actions add is no part of it."""
    foundation = built.worker.layers[0]
    assert foundation.tar_size <= 35_000_000
    assert foundation.size <= 11_000_000
    for image in built.images:
        assert image.layers[0] == foundation
        assert image.layers[-1].size <= 400_000, image.ref
        assert sum(part.size for part in image.layers[1:-1]) <= 8_000_000, image.ref


def test_an_unchanged_build_does_nothing(built: Any) -> None:
    """The second build finds every step in the cache, and the same digests."""
    assert built.again() == (built.images, [])


def test_a_change_to_one_module_rebuilds_one_layer(built: Any, tmp_path: Path) -> None:
    """A new line in the worker's code redoes the worker's layer, not the base nor any action's."""
    package = tmp_path / "osie"
    shutil.copytree(Path(osie.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / "worker/__init__.py").open("a") as module:
        module.write("\nCHANGED = True\n")
    images, worked = built.again(package)
    built.again()  # the layout holds the checkout's images again
    assert worked == ["oci-tink-worker"]
    assert images[0].manifest_digest != built.worker.manifest_digest
    assert images[1:] == built.images[1:]


def test_same_inputs_give_same_digests(built: Any, tmp_path: Path) -> None:
    """A base made anew from the same packages, by another run in another folder, has the same bytes."""
    unpacked = next(path for path in built.cache.glob("oci-packages-*") if "extra" not in path.name) / "tree"
    base.assemble(unpacked, tmp_path / "elsewhere")
    layer.write_tar(tmp_path / "elsewhere", tmp_path / "again.tar")
    assert f"sha256:{sha256_of_file(tmp_path / 'again.tar')}" == built.worker.layers[0].diff_id


def test_a_foreign_tool_reads_every_image(built: Any, tmp_path: Path) -> None:
    """skopeo verifies each image of the layout while it copies it: digests, sizes, media types."""
    for image in built.images:
        run(["skopeo", "copy", "--quiet", f"oci:{built.layout}:{image.ref}", f"dir:{tmp_path / 'copy'}"])
        config = json.loads((tmp_path / "copy" / image.config_digest.removeprefix("sha256:")).read_bytes())
        assert config["architecture"] == "amd64"
        assert config["config"]["Entrypoint"][:2] == ["python3", "-m"]


def test_the_archive_is_the_same_image(built: Any, tmp_path: Path) -> None:
    """A foreign tool finds in the tar for `docker load` the tag, and the layers that the config names."""
    tar, name = tmp_path / "worker.tar", "osie/tink-worker:embedded"
    archive.write(built.layout, built.worker.ref, tar, name)
    seen = json.loads(run(["skopeo", "inspect", f"docker-archive:{tar}:{name}"]).stdout)
    assert seen["Layers"] == [part.diff_id for part in built.worker.layers]
    run(["skopeo", "copy", "--quiet", f"docker-archive:{tar}:{name}", f"dir:{tmp_path / 'copy'}"])
    assert (tmp_path / "copy" / built.worker.config_digest.removeprefix("sha256:")).exists()


async def test_every_image_can_be_pulled(built: Any, tmp_path: Path) -> None:
    """What is built is what a client pulls through our registry, byte for byte."""
    runner = web.AppRunner(app.create(built.layout))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        for image in built.images:
            target = tmp_path / image.ref.replace("/", "-")
            source = f"docker://{host}:{port}/{image.ref}"
            copy = ["skopeo", "copy", "--quiet", "--src-tls-verify=false", source, f"dir:{target}"]
            await asyncio.to_thread(run, copy)
            for part in image.layers:
                pulled = target / part.digest.removeprefix("sha256:")
                assert pulled.read_bytes() == part.packed.read_bytes()
    finally:
        await runner.cleanup()
