"""The rule of what counts as a disk image, where no program makes the case."""

import pytest
from disk_images import partitioned
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.content import file_systems, partition_tables, rule
from osie.actions.content.magic import Magic
from osie.actions.unpack.decompress import ImageError

BOOT = b"\x55\xaa"


def head(*parts: tuple[int, bytes], size: int = 300 << 10) -> bytes:
    """Zeroes, and these bytes at these places."""
    data = bytearray(size)
    for at, some in parts:
        data[at : at + len(some)] = some
    return bytes(data)


@given(st.lists(st.tuples(st.integers(0, 4096), st.binary(max_size=600)), max_size=4), st.integers(0, 8192))
def test_any_bytes_have_an_answer(parts: list[tuple[int, bytes]], size: int) -> None:
    """Taken, or refused in one printable line; nothing else happens."""
    data = head(*parts, size=size)
    for check in (rule.check_disk, rule.check_archive):
        try:
            check(data, "raw")
        except ImageError as error:
            assert f"{error} {error.hint}".isprintable()


@pytest.mark.parametrize("magic", file_systems.MAGICS + partition_tables.MAGICS, ids=repr)
def test_what_no_program_here_makes_is_taken(magic: Magic) -> None:
    """ZFS, HFS+, APFS, OCFS2, GFS2 and others: by the place and the bytes that their formats have."""
    assert rule.disk_content(head((magic.at, magic.number))) == magic.what


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_zfs_member_is_taken(order: str) -> None:
    """The first uberblock that was written stands anywhere in the label's ring, in either byte order."""
    number = (0x00BAB10C).to_bytes(8, "little" if order == "little" else "big")
    assert rule.disk_content(head(((128 << 10) + 5 * 1024, number))) == "a ZFS pool's member"


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ([(510, BOOT)], "a boot sector"),
        ([(0, b"\xeb\x63\x90"), (510, BOOT)], "a boot sector"),
        ([(510, BOOT), (0x202, b"HdrS")], None),
        ([(0, b"MZ"), (510, BOOT)], None),
        ([(0, b"MZ"), (446, partitioned(bytes(512))[446:])], "an MBR"),
        ([(0, b"\x1f\x9d"), (510, BOOT)], None),
        ([(0, b"PK\3\4"), (446, partitioned(bytes(512))[446:])], None),
        ([(446, b"\x7f"), (450, b"\x83"), (458, b"\1"), (510, BOOT)], "a boot sector"),
        ([(512, b"EFI PART")], None),
        ([(512, b"EFI PART"), (536, b"\1")], "a GPT"),
        ([(1080, b"\x53\xef")], None),
    ],
)
def test_what_is_certain_wins_over_what_is_likely(
    parts: list[tuple[int, bytes]], content: str | None
) -> None:
    """An archive over all that it holds, a partition table over two bytes of a program, those over 55 AA."""
    assert rule.disk_content(head(*parts)) == content


@given(st.binary(max_size=20_000))
def test_a_tar_is_one_whatever_it_holds(content: bytes) -> None:
    """The sum of its first header is enough."""
    header = bytearray(b"disk.img".ljust(512, b"\0"))
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}".encode() + b"\0 "
    data = bytes(header) + content
    assert rule.disk_content(data) is None
    rule.check_archive(data, "raw")
    with pytest.raises(ImageError, match=r"a tar archive .'disk\.img' comes first"):
        rule.check_disk(data, "raw")


def test_an_empty_archive_is_one() -> None:
    """Zeroes alone; and nothing at all is none."""
    rule.check_archive(bytes(10240), "raw")
    with pytest.raises(ImageError, match="empty"):
        rule.check_archive(b"", "raw")


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_gpt_tells_the_size_of_its_disk(sector: int) -> None:
    """Its backup header is in the last sector (UEFI 2.10, 5.3.2)."""
    last = (99).to_bytes(8, "little")
    parts = [(sector, b"EFI PART"), (sector + 24, b"\1"), (sector + 32, last)]
    assert partition_tables.gpt_disk_bytes(head(*parts)) == 100 * sector
    assert partition_tables.gpt_disk_bytes(head((510, BOOT))) is None
