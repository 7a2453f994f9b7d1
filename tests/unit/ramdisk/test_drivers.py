"""Whose drivers are loaded ahead of udev's round, by a PCI bus made of files."""

from pathlib import Path

from osie.ramdisk import drivers


def _device(bus: Path, name: str, kind: str, *, driver: bool = False) -> Path:
    folder = bus / name
    folder.mkdir(parents=True)
    (folder / "class").write_text(f"{kind}\n")
    (folder / "modalias").write_text(f"pci:{name}\n")
    if driver:
        (folder / "driver").mkdir()
    return folder


def test_network_controllers_without_a_driver_only(tmp_path: Path) -> None:
    """Of all devices, those are taken whose PCI class is a network controller's and that lack a driver."""
    _device(tmp_path, "0000:00:01.0", "0x020000")
    _device(tmp_path, "0000:00:02.0", "0x010601")
    _device(tmp_path, "0000:00:03.0", "0x028000", driver=True)
    assert list(drivers.wanting(tmp_path)) == ["pci:0000:00:01.0"]


def test_what_a_driver_brought_up_is_next(tmp_path: Path) -> None:
    """virtio: with the PCI function's driver comes a device on a bus of its own, which wants one too."""
    function = _device(tmp_path, "0000:00:01.0", "0x020000", driver=True)
    (function / "virtio0").mkdir()
    (function / "virtio0/modalias").write_text("virtio:d00000001v00001AF4\n")
    assert list(drivers.wanting(tmp_path)) == ["virtio:d00000001v00001AF4"]


def test_a_machine_without_pci(tmp_path: Path) -> None:
    """No PCI bus is no error: udev finds what there is."""
    assert list(drivers.wanting(tmp_path / "absent")) == []
