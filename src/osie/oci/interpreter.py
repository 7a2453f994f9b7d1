"""The root tree's own Python and its own loader, run from outside: no chroot, no privileges, no mounts."""

from collections.abc import Sequence
from pathlib import Path

from osie.core.errors import OsieError
from osie.core.process import run


class Interpreter:
    """Python as it is in `root`: what compiles for it must be it, since byte code is a version's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._libraries = one(root, "usr/lib/*-linux-gnu/libc.so.6").parent
        self._loader = one(root, "usr/lib*/ld-linux-*.so.*")

    def libraries_of(self, binary: Path) -> set[Path]:
        """The shared libraries that `binary` needs, directly or through others, as files of the root."""
        listed = self._load(["--list", str(binary)])
        found = set()
        for line in listed.splitlines():
            library = line.split("=>")[-1].split(" (")[0].strip()
            if library.startswith("linux-vdso") or library == "statically linked":
                continue
            path = Path(library)
            if not path.is_relative_to(self.root):
                raise OsieError(f"{binary} needs {line.strip()}, which {self.root} doesn't have")
            found.add(path)
        return found

    def compile(self, folder: Path, *, strip: Path, beside: bool) -> None:
        """Compile all modules below `folder`; paths in the byte code begin where `strip` ends.

        `beside` puts mod.pyc next to mod.py, where it's found without the source, instead of in __pycache__.
        The byte code names no time and is never checked against the source: the image is read-only.
        """
        layout = ["-b"] if beside else []
        argv = ["-m", "compileall", "-q", "-f", *layout, "--invalidation-mode", "unchecked-hash"]
        self.python([*argv, "-s", str(strip), "-p", "/", str(folder)])

    def python(self, arguments: Sequence[str]) -> str:
        """Run the root's Python and return what it printed."""
        binary = self.root / "usr/bin/python3.13"
        environment = {
            "PYTHONHOME": str(self.root / "usr"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",  # else the order of sets in byte code changes from run to run
        }
        return self._load([str(binary), "-s", *arguments], environment)

    def _load(self, arguments: list[str], environment: dict[str, str] | None = None) -> str:
        # The host's ld.so.cache would offer the host's libraries.
        argv = [str(self._loader), "--inhibit-cache", "--library-path", str(self._libraries), *arguments]
        return run(argv, env=environment).stdout


def one(root: Path, pattern: str) -> Path:
    """The first path below `root` that `pattern` matches."""
    found = sorted(root.glob(pattern))
    if not found:
        raise OsieError(
            f"{root}: no {pattern} in the unpacked packages", hint="is the Debian mirror complete?"
        )
    return found[0]
