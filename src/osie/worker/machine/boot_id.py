"""Which start of the machine this is."""

from pathlib import Path

_FILE = Path("/proc/sys/kernel/random/boot_id")  # random(4); a container has its host's


def boot_id() -> str:
    """A text that is another one after each start of the machine."""
    return _FILE.read_text().strip()
