"""Images in virtual machines' formats that were cut off, as QEMU reads them and as we do."""

import os
import random
import struct
from pathlib import Path

import pytest

from osie.actions.qemuimg2disk import formats
from osie.actions.unpack.decompress import ImageError
from osie.core.process import run

FORMATS = [
    "qcow2",
    "qcow2 -c",
    "qcow2 -c -o cluster_size=4k",  # the disk ends where a cluster does
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
    letters = os.urandom(1_003_520).translate(bytes(range(97, 105)) * 32)  # which can be compressed
    raw.write_bytes(letters[:700_000] + bytes(3 << 20) + letters[700_000:])
    run(["qemu-img", "convert", "-f", "raw", "-O", kind, *options, raw, file])
    body = file.read_bytes()
    assert _whole(kind, body)
    run(["qemu-img", "convert", "-f", kind, "-O", "raw", file, raw])
    refused = 0
    ends = (len(body) - less for less in (1, 150, 300, 450, 3000))
    for length in (*ends, *(dice.randrange(len(body)) for _ in range(6))):
        if not _whole(kind, body[:length]):
            refused += 1
            continue
        cut_off.write_bytes(body[:length] + bytes(-length % 512))
        done = run(["qemu-img", "convert", "-f", kind, "-O", "raw", cut_off, becomes], check=False)
        assert done.returncode or becomes.read_bytes() == raw.read_bytes(), length
    assert refused


def test_the_footer_of_a_vmdk_tells_where_its_grains_are(tmp_path: Path) -> None:
    """VMware streams such images out: the header leaves that open. One that is cut off has no footer."""
    raw, file, becomes = (tmp_path / name for name in ("raw", "image", "becomes"))
    raw.write_bytes(os.urandom(1 << 20))
    run(["qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, file])
    body = file.read_bytes()
    body += bytes(-len(body) % 512)
    header = body[:512]
    footer = struct.pack("<QII", 1, 0, 3).ljust(512, b"\0")  # its marker (Virtual Disk Format 5.0)
    open_header = header[:56] + b"\xff" * 8 + header[64:]
    streamed = open_header + body[512:] + footer + header + bytes(512)
    file.write_bytes(streamed)
    run(["qemu-img", "convert", "-f", "vmdk", "-O", "raw", file, becomes])
    assert becomes.read_bytes() == raw.read_bytes()
    assert _whole("vmdk", streamed)
    assert not _whole("vmdk", streamed[:-512])
    lost_a_part = open_header + body[512 : len(body) // 2] + footer + header + bytes(512)
    assert not _whole("vmdk", lost_a_part)
