"""The outer initramfs: the little that finds and starts the squashed root. The kernel unpacks it into RAM.

Two archives, one after the other: a compressed one with /init and what it needs, and a plain one with the
root, which is compressed already. The kernel takes any number of archives, each compressed or not (its
Documentation/driver-api/early-userspace/buffer-format.rst).
"""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

from osie.image.artifacts import cpio

_LEVEL = 19
_ALIGNMENT = 4  # of an archive that isn't compressed; the kernel skips zeroes between two
_FOLDERS = ("bin", "dev", "proc", "sys", "run", "root", "modules")


def entries(
    *, init: Path, busybox: Path, modules: Iterable[Path], memory_min_mib: int
) -> Iterator[cpio.Entry]:
    """The first archive's members. `modules` are .ko files, in the order to load them in.

    /init and all that it needs come before the root: where the kernel stops unpacking, it can say so.
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


def write(archive: Path, starting: Iterable[cpio.Entry], *, squashed: Path, mtime: int) -> None:
    """Write the initramfs: what starts, and the root."""
    plain = io.BytesIO()
    cpio.write(plain, starting, mtime=mtime)
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(plain.getvalue())
    with archive.open("wb") as file:
        file.write(packed + bytes(-len(packed) % _ALIGNMENT))
        cpio.write(file, [cpio.file("root.squashfs", squashed)], mtime=mtime)
