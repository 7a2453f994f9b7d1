"""What an ELF file needs to run: its interpreter, libraries and search path. Little-endian 64 bit only.

Source: elf(5). Read here rather than by ldd, since ldd runs the program and asks the host's loader.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_MAGIC = b"\x7fELF\x02\x01"
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_NEEDED, _STRTAB, _RPATH, _RUNPATH = 1, 5, 15, 29
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")


@dataclass(frozen=True)
class Needs:
    """What one ELF file asks of the dynamic loader; nothing of it where the file is linked statically."""

    libraries: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    interpreter: str = ""


def needs(path: Path) -> Needs | None:
    """What the file needs, or None where it isn't a whole ELF program or library for this machine."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
        file.seek(0)
        data = file.read()
    try:
        return _read(data)
    except (struct.error, StopIteration, ValueError):
        return None


def _read(data: bytes) -> Needs | None:
    kind, machine = struct.unpack_from("<HH", data, 16)
    if kind not in (2, 3) or machine != 62:  # ET_EXEC, ET_DYN; EM_X86_64
        return None
    segments = list(_segments(data))
    dynamic = [s for s in segments if s[0] == _DYNAMIC]
    interpreter = next((_text(data, s[1]) for s in segments if s[0] == _INTERP), "")
    if not dynamic:
        return Needs(interpreter=interpreter)
    entries = list(_entries(data, dynamic[0][1], dynamic[0][3]))
    table = _offset(segments, next(value for tag, value in entries if tag == _STRTAB))
    texts = [
        (tag, _text(data, table + value)) for tag, value in entries if tag in (_NEEDED, _RPATH, _RUNPATH)
    ]
    search = [folder for tag, text in texts if tag != _NEEDED for folder in text.split(":")]
    return Needs(tuple(text for tag, text in texts if tag == _NEEDED), tuple(search), interpreter)


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(type, file offset, virtual address, size in the file) of each program header."""
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, start + number * size)
        yield kind, offset, address, length


def _entries(data: bytes, offset: int, length: int) -> Iterator[tuple[int, int]]:
    for at in range(offset, offset + length, 16):
        tag, value = struct.unpack_from("<QQ", data, at)
        if tag == 0:
            return
        yield tag, value


def _offset(segments: list[tuple[int, int, int, int]], address: int) -> int:
    for kind, offset, start, length in segments:
        if kind == _LOAD and start <= address < start + length:
            return offset + address - start
    raise ValueError(f"no segment holds the address {address:#x}")


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()


def resolve(root: Path, of: str, wanted: Needs) -> dict[str, str | None]:
    """Where below `root` the loader finds each library that the file /`of` needs; None where nowhere."""
    origin = str(PurePosixPath("/") / PurePosixPath(of).parent)
    folders = [folder.replace("$ORIGIN", origin) for folder in wanted.search] + list(LIBRARY_FOLDERS)
    return {library: _first(root, folders, library) for library in wanted.libraries}


def _first(root: Path, folders: Iterable[str], library: str) -> str | None:
    for folder in folders:
        candidate = f"{folder.lstrip('/')}/{library}"
        if (root / candidate).exists():
            return candidate
    return None


def missing(root: Path) -> Mapping[str, list[str]]:
    """The libraries that ELF files below `root` need and that aren't there, by file."""
    found: dict[str, list[str]] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink()):
        of = str(path.relative_to(root))
        wanted = needs(path)
        absent = (
            [name for name, place in resolve(root, of, wanted).items() if place is None] if wanted else []
        )
        if absent:
            found[of] = absent
    return found
