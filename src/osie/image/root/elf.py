"""What an ELF file needs to run: its interpreter, libraries and search path. Little-endian 64 bit only.

Source: elf(5). Read here rather than by ldd, since ldd runs the program and asks the host's loader.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

_MAGIC = b"\x7fELF\x02\x01"  # 64 bit, little-endian
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")


@dataclass(frozen=True)
class Needs:
    """What one ELF file asks of the dynamic loader; nothing of it where the file is linked statically."""

    libraries: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    interpreter: str = ""


def needs(path: Path) -> Needs | None:
    """Read what the file needs; None where it isn't an ELF program or library for this machine."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
        file.seek(0)
        data = file.read()
    try:
        return _read(ELFFile(BytesIO(data)))
    except (ELFError, ValueError, KeyError, AttributeError, TypeError, OverflowError):  # of damage
        return None


def _read(file: Any) -> Needs | None:
    if file["e_machine"] != "EM_X86_64" or file["e_type"] not in ("ET_EXEC", "ET_DYN"):
        return None
    interpreter, libraries, search = "", list[str](), list[str]()
    for segment in file.iter_segments():
        if segment["p_type"] == "PT_INTERP":
            interpreter = segment.get_interp_name()
        for tag in segment.iter_tags() if segment["p_type"] == "PT_DYNAMIC" else ():
            if tag.entry.d_tag == "DT_NEEDED":
                libraries.append(tag.needed)
            elif tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
                search += getattr(tag, tag.entry.d_tag.removeprefix("DT_").lower()).split(":")
    return Needs(tuple(libraries), tuple(search), interpreter)


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
