"""The values that the OS image is made of: partition table, boot sector, configuration."""

import struct

import pytest

from osie.core.errors import OsieError
from osie.lab import disk, grub
from osie.lab.owner import Owner, new_name, owner_of, started_ticks


def test_partitions_fit_and_do_not_overlap() -> None:
    """Each partition begins where the one before has ended, and the last leaves room for the second GPT."""
    for before, after in zip(disk.PARTITIONS, disk.PARTITIONS[1:], strict=False):
        assert before.start_mib + before.size_mib <= after.start_mib
    last = disk.PARTITIONS[-1]
    assert last.start_mib + last.size_mib < disk.SIZE_MIB
    assert disk.PARTITIONS[disk.ROOT.number - 1] is disk.ROOT


def test_nothing_is_left_to_chance() -> None:
    """The disk and each partition have their UUIDs given: sfdisk draws none."""
    table = disk.partition_table()
    assert table.count("uuid=") == len(disk.PARTITIONS)
    assert "label-id:" in table


def test_core_image_is_told_where_it_is() -> None:
    """The first sector of GRUB's core image names the sector after it."""
    core = bytes(500) + struct.pack("<QHH", 1, 7, 0x820) + bytes(100)
    placed = grub.placed(core, 2048, 1 << 20)
    assert struct.unpack_from("<QHH", placed, 500) == (2049, 7, 0x820)
    assert len(placed) == len(core)


def test_core_image_too_large_is_an_error() -> None:
    """A core image does not spill into the next partition."""
    with pytest.raises(OsieError, match="core image"):
        grub.placed(bytes(4096), 2048, 2048)


def test_used_inodes() -> None:
    """dumpe2fs' summary tells how many inodes are in use; anything else is an error."""
    assert disk.used_inodes("Inode count:              100\nFree inodes:              88\n") == 12
    with pytest.raises(OsieError):
        disk.used_inodes("dumpe2fs: Bad magic number")


def test_owner_of_a_namespace() -> None:
    """A name tells its owner; ours is alive; names that the lab didn't give have none."""
    owner = owner_of(new_name())
    assert owner is not None and owner.alive()
    assert owner_of("osie-vmtrial") is None
    assert owner_of("customer") is None


def test_used_again_pid_is_not_the_owner() -> None:
    """A process with the owner's pid that started at another time is another process."""
    owner = owner_of(new_name())
    assert owner is not None
    assert not Owner(owner.pid, owner.started_ticks - 1).alive()
    assert started_ticks(2**22 + 1) is None


def test_names_differ() -> None:
    """Two networks of one process have two names."""
    assert new_name() != new_name()
