"""The outer initramfs: the little that finds and starts the squashed root. The kernel unpacks it into RAM."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from osie.image import cpio

_FOLDERS = ("bin", "dev", "proc", "sys", "run", "root", "modules")


def entries(
    *, init: Path, busybox: Path, modules: Iterable[Path], squashed: Path, memory_min_mib: int
) -> Iterator[cpio.Entry]:
    """The archive's members. `modules` are .ko files, in the order to load them in.

    /init and all that it needs come first: where the kernel stops unpacking, it can say so.
    """
    for folder in _FOLDERS:
        yield cpio.directory(folder)
    # The kernel opens it as /init's input and output (init/main.c, console_on_rootfs).
    yield cpio.character_device("dev/console", 5, 1)
    yield cpio.character_device("dev/null", 1, 3, 0o666)
    yield cpio.file("bin/busybox", busybox, 0o755)
    yield cpio.symlink("bin/sh", "busybox")
    order = []
    for module in modules:
        yield cpio.file(f"modules/{module.name}", module)
        order.append(f"/modules/{module.name}\n")
    yield cpio.file("modules.load", "".join(order).encode())
    yield cpio.file("memory_min_mib", b"%d\n" % memory_min_mib)
    yield cpio.file("init", init, 0o755)
    yield cpio.file("root.squashfs", squashed)


def write(archive: Path, members: Iterable[cpio.Entry], *, mtime: int) -> int:
    """Write the initramfs, uncompressed: nearly all of it is compressed already. Return its size in bytes."""
    with archive.open("wb") as file:
        return cpio.write(file, members, mtime=mtime)
