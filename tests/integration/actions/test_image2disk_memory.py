"""How much memory image2disk takes at most, whatever it's given."""

import bz2
import hashlib
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import zstandard
from disk_images import noise
from isal import igzip

from osie.contracts.image_manifest import BLOCK_BYTES, ImageManifest, Stored
from osie.core.process import run

MIB = 1 << 20
UNIT, UNITS = 32 * MIB, 8  # the image is 256 MiB
MOST_KIB = 96 * 1024

_PEAK = """
import os, resource, subprocess, sys
os.setpriority(os.PRIO_PROCESS, 0, -10)  # beside other tests' load all queues are full at once now and then
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
subprocess.run([sys.executable, "-m", "osie.actions.image2disk"], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.fixture(scope="module")
def unit() -> bytes:
    """Noise, words, zeroes: 32 MiB of what is in an image."""
    words = b" ".join(b"%d is a number" % number for number in range(MIB // 14))[:MIB]
    return b"".join(noise(2 * MIB) + words + bytes(MIB) for _ in range(UNIT // (4 * MIB)))


def _zstd(**options: Any) -> Callable[[bytes], bytes]:
    return zstandard.ZstdCompressor(level=1, **options).compress


PACK: dict[str, Callable[[bytes], list[bytes]]] = {
    "raw": lambda unit: [unit] * UNITS,
    "gzip": lambda unit: [igzip.compress(unit, 0)] * UNITS,
    "gzip-one-member": lambda unit: [igzip.compress(unit * UNITS, 0)],
    "bzip2": lambda unit: [bz2.compress(unit, 9)] * 2,  # 64 MiB: it takes its time
    "xz": lambda unit: [lzma.compress(unit, preset=0)] * UNITS,
    "xz-large-dictionary": lambda unit: (
        [
            lzma.compress(
                unit[: 4 * MIB], filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 8 * MIB}]
            )
        ]
        * 64
    ),
    "zstd": lambda unit: [_zstd()(unit)] * UNITS,
    "zstd-small-frames": lambda unit: [_zstd()(unit[: 8 * MIB])] * 32,
    "zstd-one-frame": lambda unit: [_zstd()(unit * UNITS)],
    "lz4": lambda unit: [lz4.frame.compress(unit)] * UNITS,
    "lz4-small-frames": lambda unit: [lz4.frame.compress(unit[: 8 * MIB])] * 32,
}


def _peak_kib(**environment: str) -> int:
    """A whole run's, by a small process between: exec(2) hands a parent's peak on to the child it forked."""
    return int(run([sys.executable, "-c", _PEAK], env=environment).stdout.splitlines()[-1])


@pytest.fixture
def empty_disk(tmp_path: Path, attach: Any) -> str:
    """A disk as large as the image."""
    with (tmp_path / "disk").open("wb") as file:
        file.truncate(UNIT * UNITS)
    return str(attach(tmp_path / "disk"))


@pytest.mark.parametrize("kind", PACK)
def test_no_format_takes_more(kind: str, unit: bytes, empty_disk: str, serve: Any) -> None:
    """256 MiB over two connections, digested, on two processors, read back: 96 MiB at most."""
    served = serve(b"".join(PACK[kind](unit)))
    assert _peak_kib(IMG_URL=served.url, DEST_DISK=empty_disk, CHECKSUM=served.checksum) <= MOST_KIB


@pytest.mark.parametrize("kind", ["raw", "gzip", "zstd-small-frames"])
def test_a_manifest_takes_no_more(
    kind: str, unit: bytes, empty_disk: str, tmp_path: Path, serve: Any
) -> None:
    """With each block verified before it's written, and all of them read back, twice: the second goes on."""
    body = b"".join(PACK[kind](unit))
    content = unit[: 8 * MIB] * 32 if kind == "zstd-small-frames" else unit * UNITS
    manifest = ImageManifest.of(
        raw_size=len(content),
        hashes=b"".join(
            hashlib.sha256(content[at : at + BLOCK_BYTES]).digest()
            for at in range(0, len(content), BLOCK_BYTES)
        ),
        stored=Stored(len(body), f"sha256:{hashlib.sha256(body).hexdigest()}", kind.partition("-")[0]),
    )
    (tmp_path / "manifest").write_bytes(manifest.encode())
    served, manifest_url = serve(body), f"file://{tmp_path}/manifest"
    for _ in range(2):
        peak = _peak_kib(IMG_URL=served.url, DEST_DISK=empty_disk, MANIFEST_URL=manifest_url)
        assert peak <= MOST_KIB


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_zeroes_take_no_memory(kind: str, tmp_path: Path, attach: Any, pack: Any) -> None:
    """512 MiB that come from next to nothing are no more at a time than any others."""
    member = pack(kind, noise(MIB) + bytes(31 * MIB))
    (tmp_path / "packed").write_bytes(member * 16)
    with (tmp_path / "disk").open("wb") as file:
        file.truncate(512 * MIB)
    url = f"file://{tmp_path}/packed"
    assert _peak_kib(IMG_URL=url, DEST_DISK=str(attach(tmp_path / "disk"))) <= MOST_KIB
