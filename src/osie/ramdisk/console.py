"""The machine's consoles: every one that the kernel was given, not only the last."""

import os
from pathlib import Path

from osie.ramdisk.report import Sink


def active(sys_class_tty: Path = Path("/sys/class/tty")) -> list[Path]:
    """The devices of the active consoles (Documentation/ABI/testing/sysfs-tty); /dev/console if unknown."""
    try:
        names = (sys_class_tty / "console/active").read_text().split()
    except OSError:
        names = []
    return [Path("/dev") / name for name in names] or [Path("/dev/console")]


def sink(device: Path) -> Sink:
    """Something that writes lines to the device. A console that can't be written never stops the boot."""

    def write(text: str) -> None:
        try:
            # O_NONBLOCK: a serial port whose other end holds the flow must not hold up the installation
            console = os.open(device, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return
        try:
            os.write(console, text.encode("utf-8", "replace") + b"\r\n")
        except OSError:
            pass
        finally:
            os.close(console)

    return write
