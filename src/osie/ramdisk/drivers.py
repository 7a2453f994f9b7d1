"""The drivers of network controllers on the PCI bus, loaded ahead of udev's round over all hardware.

So that the network comes up beside that round and not behind it. What isn't found here (USB, Hyper-V, Xen),
udev finds a little later; the network step waits for the interface, whoever loaded its driver.
"""

from collections.abc import Iterator
from pathlib import Path

from osie.core.process import run

_NETWORK_CONTROLLER = "0x02"  # the PCI class code's first byte


def wanting(pci: Path = Path("/sys/bus/pci/devices")) -> Iterator[str]:
    """The modaliases of the network controllers, and of what lies below them, such as virtio's own bus."""
    for device in sorted(pci.iterdir()) if pci.is_dir() else ():
        if _text(device / "class").startswith(_NETWORK_CONTROLLER):
            for place in (device, *sorted(path.parent for path in device.glob("*/modalias"))):
                alias = _text(place / "modalias")
                if alias and not (place / "driver").exists():
                    yield alias


def load_network(pci: Path = Path("/sys/bus/pci/devices")) -> None:
    """Load them; a driver may bring up a bus with further devices, so again until nothing new turns up."""
    tried: set[str] = set()
    while fresh := [alias for alias in dict.fromkeys(wanting(pci)) if alias not in tried]:
        tried.update(fresh)
        # -b: what the operator blacklisted stays out. A device without a driver is told by the network step.
        run(["modprobe", "-a", "-b", "-q", *fresh], check=False)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
