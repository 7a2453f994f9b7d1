"""Where the bytes go: a squashfs read back, and the tree that sums up."""

import os
from pathlib import Path

import pytest

from osie.core.errors import OsieError
from osie.image.artifacts import parts, squash, squashfs


def _write(root: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


NOISE = os.urandom(600_000)  # doesn't compress: its size in the image is its size
CONTENTS = {
    "usr/bin/tool": NOISE,
    "usr/lib/modules/6/kernel/drivers/net/nic.ko": NOISE[:300_001],
    "usr/lib/firmware/nic.fw": NOISE[:100_003],
    "usr/lib/python3.13/ssl.pyc": b"python" * 1000,
    "osie-worker/layers/0/copy": NOISE,
    "osie-worker/layers/2/action": b"action" * 1000,
    "osie-images/1/file": NOISE[5:200_005],
    "osie-images/10/file": NOISE[7:300_007],
    **{f"many/{number:03}": b"%d" % number * 50 for number in range(400)},
}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A squashfs of them."""
    folder = tmp_path_factory.mktemp("squashed")
    squash.create(folder / "image", _write(folder / "tree", CONTENTS), "zstd")
    return folder / "image"


def test_every_file_is_found_with_the_bytes_it_takes(image: Path) -> None:
    """Noise takes what it is long, a second copy of it nothing, and all together not more than the image."""
    sizes = squashfs.Reader(image).sizes()
    assert sizes.keys() == CONTENTS.keys()
    assert len(NOISE) * 0.99 < sizes["usr/bin/tool"] < len(NOISE) * 1.01
    assert sizes["osie-worker/layers/0/copy"] == 0
    assert 0 < sizes["usr/lib/python3.13/ssl.pyc"] < 6000
    assert sum(sizes.values()) < image.stat().st_size < sum(sizes.values()) + 20_000


def test_the_parts_sum_up_to_the_artifacts(image: Path) -> None:
    """By class, package, image and kind; the sum is that of the files, to the byte."""
    whole = image.stat().st_size
    tree = parts.attribute(
        kernel=1000,
        initramfs=whole + 77,
        squashed=image,
        owners={
            "/usr/lib/python3.13/ssl.py": "libpython3.13-stdlib",
            "/usr/bin/tool": "podman",
            "/usr/lib/firmware/nic.fw": "firmware-nic",
        },
        classes={"drivers/net/nic": "network"},
        images={"osie-worker/layers/2": "a:1", "osie-images/1": "b:1", "osie-images/10": "c:1"},
    )
    assert parts.total(tree) == 1000 + whole + 77
    assert (tree["kernel"], tree["initramfs"], tree["worker"]) == (1000, 77, 0)
    assert list(parts.flat(tree))[:3] == ["engine", "images", "modules"]

    def flat_inside(name: str) -> dict[str, int]:
        inside = tree[name]
        assert isinstance(inside, dict)
        return parts.flat(inside)

    images = flat_inside("images")
    assert list(images) == ["c:1", "b:1", "a:1"]
    assert 200_000 <= images["b:1"] < 202_000
    assert flat_inside("modules").keys() == {"network"}
    assert flat_inside("firmware").keys() == {"firmware-nic"}
    assert flat_inside("python").keys() == {"libpython3.13-stdlib"}


def test_what_is_no_squashfs_is_told(tmp_path: Path) -> None:
    """By its path."""
    (tmp_path / "image").write_bytes(bytes(200))
    with pytest.raises(OsieError, match="image: not a squashfs"):
        squashfs.Reader(tmp_path / "image")
