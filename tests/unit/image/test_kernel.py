"""Kernel modules: classes and names become the modules to take, with what they depend on."""

from pathlib import Path

import pytest

from osie.core.errors import OsieError
from osie.image.profile import profile
from osie.image.root import kernel

PROFILES = Path(__file__).parents[3] / "profiles"
TREE = kernel.Tree(
    folder=Path("/nowhere"),
    release="6.12",
    dependencies={
        "drivers/scsi/scsi_mod": (),
        "drivers/scsi/sd_mod": ("drivers/scsi/scsi_mod",),
        "drivers/net/ethernet/intel/ice/ice": ("lib/gnss",),
        "drivers/net/ethernet/intel/igc/igc": (),
        "lib/gnss": (),
    },
    builtin=frozenset({"ext4"}),
)


def test_dependencies_come_along_and_first() -> None:
    """A module is preceded by what it depends on, and nothing is named twice."""
    assert kernel.select(TREE, ["sd-mod", "scsi_mod"]) == ["drivers/scsi/scsi_mod", "drivers/scsi/sd_mod"]


def test_a_pattern_takes_a_whole_folder() -> None:
    """An entry with a slash is a pattern over paths."""
    assert kernel.select(TREE, ["drivers/net/ethernet/intel/*"]) == [
        "lib/gnss",
        "drivers/net/ethernet/intel/ice/ice",
        "drivers/net/ethernet/intel/igc/igc",
    ]


def test_built_in_modules_need_nothing() -> None:
    """What the kernel has linked in is no error, and no file."""
    assert kernel.select(TREE, ["ext4"]) == []


def test_all_unknown_modules_are_told_with_the_nearest() -> None:
    """Every entry that fits nothing is named, with the nearest module."""
    with pytest.raises(OsieError) as caught:
        kernel.select(TREE, ["scsi_mob", "drivers/none/*"])
    assert "scsi_mob; did you mean 'scsi_mod'?" in str(caught.value)
    assert "drivers/none/*" in str(caught.value)


def test_the_initramfs_own_modules_are_always_asked_for() -> None:
    """Whatever a profile names, the modules that mount its root are in it."""
    bare = profile.Profile(name="bare", suite="trixie", packages=("kmod",))
    assert set(kernel.ROOT_CLASS) <= set(kernel.entries_of(bare))


@pytest.mark.parametrize("name", ["default", "slim", "virtual"])
def test_every_shipped_ramdisk_has_tagged_vlans(name: str) -> None:
    """boots hands vlan_id= to any machine whose hardware has one: no ramdisk may lack what it takes."""
    assert "8021q" in kernel.entries_of(profile.load(name, PROFILES))
