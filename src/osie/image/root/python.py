"""The root's own Python: runs it on the build host, to compile byte code with its magic number."""

from pathlib import Path

from osie.core.process import run

_LIBRARIES = "usr/lib/x86_64-linux-gnu"


def compile_all(root: Path, folder: Path, *, inside: str, sourceless: bool = False) -> None:
    """Compile the .py files below `folder`, which will be at `inside` in the running system.

    `unchecked-hash` byte code holds no time stamp and is used without a look at its source. `sourceless`
    puts it where the sources are, and removes those. Runs the Python of `root` by its own loader, so no
    chroot, no mounts, and no Python of that version on the host.
    """
    loader = root / _LIBRARIES / "ld-linux-x86-64.so.2"
    python: list[str | Path] = [
        loader,
        "--library-path",
        root / _LIBRARIES,
        root / "usr/bin/python3",
        "-S",
        "-s",
    ]
    # The order of sets in byte code follows the hash seed, so it must be fixed.
    options: list[str | Path] = ["-q", "-f", "--invalidation-mode", "unchecked-hash", "-s"]
    options += [folder, "-p", inside]
    legacy = ["-b"] if sourceless else []
    run(
        [*python, "-m", "compileall", *options, *legacy, folder],
        env={"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if sourceless:
        for source in folder.rglob("*.py"):
            source.unlink()
