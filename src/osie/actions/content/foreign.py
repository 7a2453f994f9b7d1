"""What is no disk's content, and what to do with it: archives, virtual machines' formats, programs, text.

`certain` is told by a magic number that no disk begins with, or by a checksum, and wins over anything that
stands further back: a tar holds whole disks. `likely` is told by less: what a disk surely shows wins over it.
"""

import codecs
import string
from typing import NamedTuple

from osie.actions.content import virtual_disks
from osie.actions.content.magic import Magic, first
from osie.actions.unpack.decompress import kind_of

_ARCHIVE = "take the image out of it; of archives, archive2disk takes tar"
_TAR = (
    "archive2disk unpacks it into a file system; an image inside it (a containerDisk's, say) has to be"
    " taken out and served or pushed by itself"
)
_MACHINE = "qemuimg2disk writes it"
_CONVERT = "make it raw or qcow2 by qemu-img convert"
_COMPRESS = "raw, gzip, xz, bzip2, zstd and lz4 (frames) can be written"
_ADDRESS = "is it the right URL?"


class Foreign(NamedTuple):
    """Something that isn't a disk's content."""

    what: str  # for people, with its article
    advice: str  # what takes it


_CERTAIN: dict[str, tuple[Magic, ...]] = {
    _MACHINE: tuple(magic for magics in virtual_disks.TAKEN.values() for magic in magics),
    _CONVERT: (
        *virtual_disks.NOT_TAKEN,
        Magic("a Bochs image", 0, b"Bochs Virtual HD Image"),
        Magic("a cloop image", 0, b"#!/bin/sh\n#V2.0 Format\n"),
        Magic("an encrypted DMG image", 0, b"encrcdsa"),
    ),
    "restore it by Proxmox' vma extract": (Magic("a Proxmox backup", 0, b"VMA\0"),),
    "restore it by partclone": (Magic("a partclone image", 0, b"partclone-image"),),
    "make it raw by simg2img": (Magic("an Android sparse image", 0, b"\x3a\xff\x26\xed"),),
    "apply it by wimlib": (
        Magic("a WIM image", 0, b"MSWIM\0\0\0"),
        Magic("a WIM image", 0, b"WLPWM\0\0\0"),
    ),
    _ARCHIVE: (
        *(Magic("a zip archive", 0, b"PK" + end) for end in (b"\3\4", b"\5\6", b"\7\x08")),
        Magic("a 7z archive", 0, b"7z\xbc\xaf\x27\x1c"),
        Magic("a RAR archive", 0, b"Rar!\x1a\x07"),
        Magic("a xar archive", 0, b"xar!"),
        Magic("a cabinet", 0, b"MSCF\0\0\0\0"),
        Magic("an ar archive or Debian package", 0, b"!<arch>\n"),
        Magic("an ar archive", 0, b"!<thin>\n"),
        Magic("an RPM package", 0, b"\xed\xab\xee\xdb"),
        *(Magic("a cpio archive", 0, b"07070" + digit) for digit in (b"1", b"2", b"7")),
    ),
    _COMPRESS: (
        Magic("in lz4's legacy format", 0, b"\x02\x21\x4c\x18"),
        Magic("compressed by lzip", 0, b"LZIP"),
        Magic("compressed by lzop", 0, b"\x89LZO\0\r\n\x1a\n"),
        Magic("compressed by lrzip", 0, b"LRZI"),
        Magic("compressed by snappy", 0, b"\xff\x06\0\0sNaPpY"),
    ),
    "is it an installed system, or a part of one?": (
        Magic("an ELF file", 0, b"\x7fELF"),
        Magic("a Linux kernel", 0x202, b"HdrS"),  # also where 55 AA stands at 510 (x86 boot protocol)
        Magic("an Android boot image", 0, b"ANDROID!"),
        Magic("an Android update", 0, b"CrAU"),
        Magic("a U-Boot image", 0, b"\x27\x05\x19\x56"),
        Magic("a device tree or FIT image", 0, b"\xd0\x0d\xfe\xed"),
    ),
}
_LIKELY: dict[str, tuple[Magic, ...]] = {
    _ARCHIVE: (Magic("a cpio archive", 0, b"\xc7\x71"), Magic("a cpio archive", 0, b"\x71\xc7")),
    _COMPRESS: (
        Magic("compressed by compress", 0, b"\x1f\x9d"),
        Magic("compressed by lzma", 0, b"\x5d\0\0"),
    ),
    "is it an installed system, or a part of one?": (
        Magic("a Linux kernel", 56, b"ARM\x64"),
        Magic("an EFI or Windows program", 0, b"MZ"),
    ),
}
_TEXTS = {
    "version https://git-lfs.github.com/": Foreign(
        "a Git LFS pointer, not the file that it stands for", "fetch the file itself: git lfs pull"
    ),
    "<!doctype html": Foreign("a web page", _ADDRESS),
    "<html": Foreign("a web page", _ADDRESS),
    "<": Foreign("an XML document", _ADDRESS),
    "{": Foreign("a JSON document", _ADDRESS),
    "[": Foreign("a JSON document", _ADDRESS),
    "-----begin pgp message": Foreign("encrypted by OpenPGP", "decrypt it before it is served"),
}
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_TEXT_BYTES = 512
_SHOWN = 40  # characters of a text
_TAR_HEADER, _TAR_SUM_AT = 512, 148  # POSIX, pax: ustar interchange format; the sum is in all tars since 1979
_TAR_NAME, _TAR_TYPE_AT = 100, 156


def certain(head: bytes) -> Foreign | None:
    """What begins so is certainly this and no disk; None where that can't be said."""
    if is_tar(head):
        return Foreign(f"a tar archive{_first_member(head)}", _TAR)
    found = _among(_CERTAIN, head)
    if found is None and (kind := kind_of(head)) != "raw":
        return Foreign(f"compressed twice ({kind} inside)", "decompress it once")
    return found


def likely(head: bytes) -> Foreign | None:
    """What begins so is this unless it shows a disk's content; None where it looks like neither."""
    return _among(_LIKELY, head) or _text(head)


def is_tar(head: bytes) -> bool:
    """Whether a tar's first header stands there, old or new: its bytes have the sum that it names."""
    header = head[:_TAR_HEADER]
    told = header[_TAR_SUM_AT : _TAR_SUM_AT + 8]
    digits = told.strip(b" \0")
    if len(header) < _TAR_HEADER or not digits or not all(digit in b"01234567" for digit in digits):
        return False
    counted = header[:_TAR_SUM_AT] + b" " * 8 + header[_TAR_SUM_AT + 8 :]
    signed = sum(byte - 256 if byte > 127 else byte for byte in counted)  # what some old programs wrote
    return bool(header[0]) and int(digits, 8) in (sum(counted), signed)


def _among(kinds: dict[str, tuple[Magic, ...]], head: bytes) -> Foreign | None:
    for advice, magics in kinds.items():
        if what := first(magics, head):
            return Foreign(what, advice)
    return None


def _first_member(head: bytes) -> str:
    """The first member's name, printable; nothing where an extended header comes first."""
    if head[_TAR_TYPE_AT] not in b"\0" + b"05":
        return ""
    name = head[:_TAR_NAME].partition(b"\0")[0].decode(errors="replace")
    return f" ({name[:_SHOWN]!r} comes first)"


def _text(head: bytes) -> Foreign | None:
    """The text that begins so; None where it is none."""
    some = head[:_TEXT_BYTES]
    mark = next((mark for mark in _BYTE_ORDER_MARKS if some.startswith(mark)), b"")
    decoder = codecs.getincrementaldecoder(_BYTE_ORDER_MARKS.get(mark, "utf-8"))()
    try:
        text = decoder.decode(some.removeprefix(mark))  # the last letter may be cut
    except UnicodeDecodeError:
        return None
    text = text.rstrip("\0").strip()  # padded to whole sectors
    if not text or not all(letter.isprintable() or letter in string.whitespace for letter in text):
        return None
    for beginning, found in _TEXTS.items():
        if text.lower().startswith(beginning):
            return found
    line = text.splitlines()[0][:_SHOWN]
    return Foreign(f"a text that begins with {line!r}", _ADDRESS)
