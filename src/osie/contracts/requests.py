"""What an action asks of its machine: a file in the folder that the ramdisk shares with containers."""

from pathlib import Path

FOLDER = Path("/worker")
KEXEC, REBOOT = "kexec", "reboot"


def made(folder: Path = FOLDER) -> str:
    """What is asked for: KEXEC, REBOOT or nothing. A kernel that was loaded counts, whoever else asks."""
    return next((name for name in (KEXEC, REBOOT) if (folder / name).exists()), "")
