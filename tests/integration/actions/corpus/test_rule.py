"""What counts as a disk image, asked of what real programs write; libblkid and libmagic are asked as well."""

import re
import subprocess
from pathlib import Path

import pytest
from integration.actions.corpus.disks import DISKS, Disk, head_of
from integration.actions.corpus.strangers import STRANGERS, Stranger, made

from osie.actions.content import rule
from osie.actions.unpack.decompress import ImageError


def _said(*words: str | Path) -> str:
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, errors="replace", check=False).stdout


@pytest.mark.parametrize("disk", DISKS, ids=lambda disk: disk.name)
def test_a_disks_content_is_taken(disk: Disk, tmp_path: Path) -> None:
    """Every partition table, file system and volume that Debian's programs make; others know it, too."""
    head = head_of(disk, tmp_path)
    assert rule.disk_content(head[: rule.HEAD_BYTES]), head[:512].hex()
    rule.check_disk(head, "raw")
    known = _said("blkid", "--probe", "--output", "value", tmp_path / "disk")
    table = _said("parted", "--script", "--machine", tmp_path / "disk", "print")
    known += table if table and ":unknown:" not in table else ""
    known += _said("file", "--brief", tmp_path / "disk").replace("data\n", "")
    assert known.strip()


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda stranger: stranger.name)
def test_what_is_no_disks_content_is_named(stranger: Stranger, tmp_path: Path) -> None:
    """With what takes it; libblkid doesn't take it for a disk either, but for kernels with 55 AA at 510."""
    data = made(stranger, tmp_path)
    with pytest.raises(ImageError) as caught:
        rule.check_disk(data, "raw")
    assert re.search(stranger.told, f"{caught.value} ({caught.value.hint})")
    assert "\n" not in str(caught.value)
    assert "IMAGE_KIND=any" in caught.value.hint
    (tmp_path / "made").write_bytes(data)
    known = _said("blkid", "--probe", "--output", "value", tmp_path / "made").strip()
    assert not known or b"HdrS" in data[:0x206]
