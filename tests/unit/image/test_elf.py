"""ELF: what programs need is read from their headers, and found, or found missing, below a root."""

import shutil
from pathlib import Path

from osie.image.root import elf, selection

LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def _place(root: Path, source: str, at: str) -> None:
    target = root / at
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(source).resolve(), target)


def test_a_program_of_this_host() -> None:
    """The libraries and the interpreter of a dynamic program; nothing where the file is no ELF file."""
    needed = elf.needs(Path("/bin/sh").resolve())
    assert needed is not None
    assert "libc.so.6" in needed.libraries
    assert needed.interpreter == LOADER
    assert elf.needs(Path(__file__)) is None


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    """A program whose library is not below the root is told with that library; with it, nothing is."""
    _place(tmp_path, "/bin/sh", "usr/bin/sh")
    assert elf.missing(tmp_path) == {"usr/bin/sh": ["libc.so.6"]}
    _place(tmp_path, "/lib/x86_64-linux-gnu/libc.so.6", f"{LIBRARIES}/libc.so.6")
    _place(tmp_path, LOADER, f"{LIBRARIES}/ld-linux-x86-64.so.2")
    assert elf.missing(tmp_path) == {}


def test_libraries_that_nobody_needs_are_dropped(tmp_path: Path) -> None:
    """A library stays for a program's sake, through links, or as one that is loaded by name; else it goes."""
    _place(tmp_path, "/bin/sh", "usr/bin/sh")
    _place(tmp_path, "/lib/x86_64-linux-gnu/libc.so.6", f"{LIBRARIES}/libc-2.so")
    (tmp_path / LIBRARIES / "libc.so.6").symlink_to("libc-2.so")
    _place(tmp_path, "/lib/x86_64-linux-gnu/libm.so.6", f"{LIBRARIES}/libm.so.6")
    _place(tmp_path, LOADER, f"{LIBRARIES}/ld-linux-x86-64.so.2")
    selection.drop_unneeded_libraries(tmp_path)
    left = sorted(path.name for path in (tmp_path / LIBRARIES).iterdir())
    assert left == ["ld-linux-x86-64.so.2", "libc-2.so", "libc.so.6"]


def test_selection_leaves_out_packages_and_patterns(tmp_path: Path) -> None:
    """What an unwanted package owns and what a pattern fits is not copied; a folder's other files are."""
    packages, root = tmp_path / "packages", tmp_path / "root"
    for name in ("usr/bin/kept", "usr/bin/unwanted", "usr/bin/excluded", "usr/share/doc/x/copyright"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(name)
    info = packages / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info / "big.list").write_text("./\n./usr/\n./usr/bin/\n./usr/bin/unwanted\n")
    (info / "small.list").write_text("./usr/bin/kept\n")
    (info.parent / "status").write_text(
        "Package: big\nVersion: 1\nStatus: install ok unpacked\n\n"
        "Package: small\nVersion: 2\nStatus: install ok unpacked\n\n"
    )
    selection.copy(packages, root, without=["big"], exclude=["/usr/bin/exc*"])
    assert [p.name for p in root.rglob("*") if p.is_file()] == ["kept"]
    assert selection.contained(packages, root) == [{"name": "small", "version": "2"}]
