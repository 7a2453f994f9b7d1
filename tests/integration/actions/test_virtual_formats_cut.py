"""Images in virtual machines' formats that were cut off, as QEMU reads them and as we do."""

import os
import random
from pathlib import Path

import pytest

from osie.actions.qemuimg2disk import formats
from osie.actions.unpack.decompress import ImageError
from osie.core.process import run

FORMATS = [
    "qcow2",
    "qcow2 -c",
    "qcow2 -o preallocation=metadata",
    "qcow2 -o compat=0.10,cluster_size=512",
    "qcow2 -o extended_l2=on,cluster_size=128k",
    "vmdk",
    "vmdk -o subformat=streamOptimized",
    "vdi",
    "vdi -o static=on",
    "vpc",
    "vhdx -o log_size=1M,block_size=1M",
]


def _whole(kind: str, body: bytes) -> bool:
    """Whether the image is taken."""
    try:
        formats.told(lambda start, length: body[start : start + length])
        formats.check_whole(kind, lambda start, length: body[start : start + length], len(body))
    except ImageError as error:
        assert "truncated" in str(error) or "damaged" in str(error)
        return False
    return True


@pytest.mark.parametrize("made_by", FORMATS)
def test_no_cut_image_is_taken_that_would_become_another_disk(made_by: str, tmp_path: Path) -> None:
    """The whole one is taken, though the disk ends inside a cluster. A cut one is refused, by us or by QEMU,
    or nothing of the disk was in what it lost.
    """
    kind, *options = made_by.split()
    raw, file, cut_off, becomes = (tmp_path / name for name in ("raw", "image", "cut", "becomes"))
    dice = random.Random(made_by)
    raw.write_bytes(os.urandom(700_000) + bytes(3 << 20) + os.urandom(300 << 10) + bytes(324 + 2560))
    run(["qemu-img", "convert", "-f", "raw", "-O", kind, *options, raw, file])
    body = file.read_bytes()
    assert _whole(kind, body)
    run(["qemu-img", "convert", "-f", kind, "-O", "raw", file, raw])
    refused = 0
    for length in (len(body) - 1, len(body) - 3000, *(dice.randrange(len(body)) for _ in range(6))):
        if not _whole(kind, body[:length]):
            refused += 1
            continue
        cut_off.write_bytes(body[:length] + bytes(-length % 512))
        done = run(["qemu-img", "convert", "-f", kind, "-O", "raw", cut_off, becomes], check=False)
        assert done.returncode or becomes.read_bytes() == raw.read_bytes(), length
    assert refused
