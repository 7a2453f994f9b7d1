"""Which interface a machine takes, by a /sys made of files."""

from pathlib import Path

from osie.ramdisk import nic
from osie.ramdisk.addressing import Static
from osie.ramdisk.network import absence


def _interface(root: Path, name: str, address: str, *, carrier: str, slot: str) -> None:
    pci = root / "devices" / slot
    (pci / "virtio0").mkdir(parents=True)
    for file, text in {"vendor": "0x1af4", "device": "0x1000", "class": "0x020000"}.items():
        (pci / file).write_text(f"{text}\n")
    (root / "drivers/virtio_net").mkdir(parents=True, exist_ok=True)
    (pci / "virtio0/driver").symlink_to(root / "drivers/virtio_net")
    folder = root / "class/net" / name
    folder.mkdir(parents=True)
    facts = {"type": "1", "address": address, "flags": "0x1003", "carrier": carrier, "ifindex": slot[9]}
    for file, text in facts.items():
        (folder / file).write_text(f"{text}\n")
    (folder / "device").symlink_to(pci / "virtio0")


def _machine(root: Path) -> list[nic.Nic]:
    _interface(root, "ens1", "52:54:00:00:00:01", carrier="0", slot="0000:00:01.0")
    _interface(root, "ens2", "52:54:00:00:00:02", carrier="1", slot="0000:00:02.0")
    (root / "class/net/docker0").mkdir()
    (root / "udev").mkdir()
    (root / "udev/n2").write_text("I:12345\nE:ID_NET_NAME=ens2\n")
    return nic.physical(root / "class/net", root / "udev")


def test_facts_of_an_interface(tmp_path: Path) -> None:
    """Name, driver, PCI address and ID are found, through virtio's own bus too; bridges are left out."""
    first, second = _machine(tmp_path)
    assert (first.driver, first.bus_id, first.hardware_id) == ("virtio_net", "0000:00:01.0", "1af4:1000")
    assert first.describe() == (
        "ens1 52:54:00:00:00:01, driver virtio_net, at 0000:00:01.0 (1af4:1000), no link"
    )
    assert second.carrier


def test_the_interface_asked_for(tmp_path: Path) -> None:
    """By name or MAC exactly that one, else all, those with a link first; a wrong wish finds none."""
    nics = _machine(tmp_path)

    def names(interface: str = "", address: str = "") -> list[str]:
        return [each.name for each in nic.candidates(nics, interface=interface, address=address)]

    assert names("ens1") == ["ens1"]
    assert names(address="52:54:00:00:00:02") == ["ens2"]
    assert names() == ["ens2", "ens1"]
    assert names(address="52:54:00:00:00:09") == []


def test_only_udev_knows_when_a_name_is_final(tmp_path: Path) -> None:
    """An interface that udev isn't done with may still be renamed: nobody should hold on to its name."""
    assert [each.named for each in _machine(tmp_path)] == [False, True]
    (tmp_path / "udev/n1").write_text("I:12345\nE:ID_NET_NAME=enp0s1\n")  # still to be renamed
    assert not nic.physical(tmp_path / "class/net", tmp_path / "udev")[0].named
    (tmp_path / "udev/n1").write_text("I:12345\nE:ID_RENAMING=1\n")  # as it is for a moment before that
    assert not nic.physical(tmp_path / "class/net", tmp_path / "udev")[0].named


def test_absence_tells_what_is_there(tmp_path: Path) -> None:
    """A person reads which interfaces there are, and which controllers lack a driver."""
    error = absence(Static(mac="52:54:00:00:00:09"), _machine(tmp_path), ["0000:01:00.0 (15b3:1017)"])
    assert "52:54:00:00:00:09" in str(error)
    assert "ens2" in error.hint
    assert "15b3:1017" in error.hint


def test_controllers_without_a_driver(tmp_path: Path) -> None:
    """Network controllers that no driver took are found by their PCI class."""
    for name, kind in (("0000:01:00.0", "0x020000"), ("0000:02:00.0", "0x010000")):
        (tmp_path / name).mkdir()
        for file, text in {"class": kind, "vendor": "0x15b3", "device": "0x1017"}.items():
            (tmp_path / name / file).write_text(text)
    assert nic.driverless(tmp_path) == ["0000:01:00.0 (15b3:1017)"]
