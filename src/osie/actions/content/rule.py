"""The rule: what is written over a disk is known to be a disk's content, or is said to be meant.

docs/explanation/disk-images.md tells it and why.
"""

from typing import Literal

from osie.actions import zeroes
from osie.actions.content import file_systems, foreign, partition_tables
from osie.actions.unpack.faults import ImageError

Kind = Literal["disk", "any"]
KINDS: tuple[Kind, ...] = ("disk", "any")
HEAD_BYTES = 1 << 20  # what is looked at; less where the image is smaller

_EXPECTED = "a partition table, a file system or the like"


def disk_content(head: bytes) -> str | None:
    """What of a disk's content the image that begins so shows; None where it shows nothing."""
    if foreign.certain(head):
        return None
    if told := partition_tables.told(head) or file_systems.told(head):
        return told
    if foreign.likely(head):
        return None
    return "a boot sector" if partition_tables.has_boot_signature(head) else None


def check_disk(head: bytes, kind: str, *, anyway: str = "IMAGE_KIND=any") -> None:
    """Raise ImageError where what begins so is not known to be a disk's content.

    `head`: the first HEAD_BYTES, decompressed. `kind`: what they were compressed by, or `raw`. `anyway`: how
    to say that they are meant.
    """
    if not head:
        raise ImageError("the image is empty")
    head = head[:HEAD_BYTES]
    if disk_content(head) is not None:
        return
    if found := foreign.certain(head) or foreign.likely(head):
        inside = "" if kind == "raw" else f", in {kind}"
        raise ImageError(
            f"the image is no disk's content: it is {found.what}{inside}",
            hint=f"{found.advice}; {anyway} writes it as it is",
        )
    shows = "nothing but zeroes" if zeroes.are(head) else f"nothing that is known ({head[:8].hex(' ')}...)"
    raise ImageError(
        f"the image is not known to be a disk's content: it begins with {shows}, not with {_EXPECTED}",
        hint=f"{anyway} writes it as it is",
    )


def check_archive(head: bytes, kind: str) -> None:
    """Raise ImageError where what begins so is something else than an archive that tar takes."""
    if not head:
        raise ImageError("the archive is empty")
    head = head[:HEAD_BYTES]
    if foreign.is_tar(head) or zeroes.are(head):  # an archive without a member is zeroes
        return
    inside = "" if kind == "raw" else f", in {kind}"
    if content := disk_content(head):
        raise ImageError(
            f"this is no tar archive but a disk image{inside}: it has {content}",
            hint="image2disk writes disk images",
        )
    found = foreign.certain(head) or foreign.likely(head)
    what = found.what if found else f"unknown: it begins with {head[:8].hex(' ')}"
    raise ImageError(f"this is no tar archive{inside}: it is {what}", hint="archive2disk takes tar archives")
