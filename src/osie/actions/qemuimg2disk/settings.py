"""What qemuimg2disk can be told: what image2disk can be, and upstream's FORMAT and EXTRA_ARGS."""

from collections.abc import Mapping

from osie.actions.environment import Environment, SettingsError
from osie.actions.image2disk import settings as image2disk
from osie.actions.image2disk.settings import ImageToDisk
from osie.actions.program import warn

_TO_A_DISK = ("host_device", "raw")


def read(variables: Mapping[str, str]) -> ImageToDisk:
    """Read the settings. Raises SettingsError with all that is wrong."""
    environment = Environment(variables)
    written_as = environment.text("FORMAT", _TO_A_DISK[0])
    if written_as not in _TO_A_DISK:
        environment.error(
            "FORMAT", f"is {written_as!r}, the format to write: a disk takes {' or '.join(_TO_A_DISK)}"
        )
    if environment.text("EXTRA_ARGS", ""):
        warn("EXTRA_ARGS are for qemu-img convert, which isn't used here: they change nothing")
    try:
        wanted = image2disk.read(variables)
    except SettingsError as error:
        environment.add(error)
    environment.check()
    return wanted
