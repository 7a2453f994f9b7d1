"""What kexec can be told."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from osie.actions import asking
from osie.actions.environment import Environment


class Settings(NamedTuple):
    """Which system is started, and how."""

    device: str
    kind: str  # of the file system
    kernel: str  # its path there; empty: the boot loader's configuration names it
    ramdisk: str  # its path; empty: none, or what the configuration names
    command_line: str  # empty: the configuration's
    configuration: str  # its path; empty: it is looked for
    shared: Path  # the folder that the ramdisk looks into


def read(variables: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError with all that is wrong."""
    environment = Environment(variables)
    settings = Settings(
        device=environment.path("BLOCK_DEVICE"),
        kind=environment.text("FS_TYPE"),
        kernel=_inside(environment.text("KERNEL_PATH", "")),
        ramdisk=_inside(environment.text("INITRD_PATH", "")),
        command_line=" ".join(environment.text("CMD_LINE", "").split()),
        configuration=_inside(environment.text("GRUBCFG_PATH", "")),
        shared=asking.folder(environment),
    )
    if settings.ramdisk and not settings.kernel:
        environment.error("INITRD_PATH", "is set, but KERNEL_PATH isn't: a ramdisk belongs to a kernel")
    environment.check()
    return settings


def _inside(path: str) -> str:
    """Upstream's paths have a leading slash or none."""
    return "/" + path.lstrip("/") if path else ""
