"""What a disk is after a power cut. Pure."""

from typing import Literal

END_BYTES = 1 << 20  # of each end: what docs/decisions/0005 has written last
_SECTOR = 512

State = Literal["untouched", "being erased", "dead", "ending", "installed"]


def state(disk: bytes, image: bytes, old: bytes) -> State | None:
    """What the disk is, or None where it is nothing that may ever be left. All three are equally long.

    untouched     as it was before
    being erased  as it was but for its ends, which are zeroes in part
    dead          no firmware boots it: both ends are zeroes
    ending        all but the ends is right; of these, some sectors are still zeroes, the first one for sure
    installed     the image
    """
    if disk == image:
        return "installed"
    if disk == old:
        return "untouched"
    size = len(disk)
    front, back, middle = slice(0, END_BYTES), slice(size - END_BYTES, size), slice(END_BYTES, -END_BYTES)
    if not any(disk[front]) and not any(disk[back]):
        return "dead"
    ends, first = (front, back), not any(disk[:_SECTOR])
    if disk[middle] == old[middle] and all(_mixed(disk[end], old[end]) for end in ends):
        return "being erased"
    if disk[middle] == image[middle] and first and all(_mixed(disk[end], image[end]) for end in ends):
        return "ending"
    return None


def _mixed(found: bytes, wanted: bytes) -> bool:
    """Whether each sector is either zeroes or as wanted."""
    zeroes = bytes(_SECTOR)
    sectors = range(0, len(found), _SECTOR)
    return all(found[at : at + _SECTOR] in (zeroes, wanted[at : at + _SECTOR]) for at in sectors)
