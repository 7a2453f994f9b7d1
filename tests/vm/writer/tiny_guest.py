"""The least machine that runs an action: Debian's kernel, and the action's own OCI image as its root.

It gets its disk only when it is told what to do, so that the state before that can be frozen (frozen.py).
"""

import lzma
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from osie.cli.workshop import PROFILES
from osie.core.cache import Cache, Silent
from osie.image.artifacts import cpio
from osie.image.profile import profile
from osie.image.root import kernel, packages
from osie.oci import images
from osie.oci.layer import Layer

ADDRESS, PORT = "192.168.137.20", 9
_PROFILE = "default"  # whose packages the cache has already, where anybody built a ramdisk
_AT_ONCE, _WITH_THE_DISK = ("virtio_pci", "virtio_net"), ("virtio_blk",)
_FOLDERS = ("modules", "dev/pts")

_INIT = f"""#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in $(cat /modules/at-once); do busybox insmod $module; done
ip address add {ADDRESS}/24 dev eth0
ip link set lo up
ip link set eth0 up
export PYTHONPATH=/usr/lib/osie/python PYTHONUNBUFFERED=1
exec python3 /guest.py
"""

# What is imported here needs no importing later, under TCG 1.5 s; what runs is the module as `-m` runs it.
_GUEST = f'''
"""PID 1: waits for one datagram that says what to run, gets the disk, runs it, and says how it ended."""
import importlib, json, os, pkgutil, runpy, socket, subprocess, time

import osie.actions.image2disk
import osie.actions.program
import osie.actions.image2disk.settings, osie.actions.image2disk.install

print("guest: ready", flush=True)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
    wire.bind(("", {PORT}))
    task = json.loads(wire.recv(65535))
for module in open("/modules/with-the-disk").read().split():
    subprocess.run(["busybox", "insmod", module], check=True)
print("guest: begins", flush=True)
began = time.monotonic()
child = os.fork()
if child == 0:
    os.environ.update(task["environment"])
    if "argv" in task:
        os.execvp(task["argv"][0], task["argv"])
    runpy.run_module(task["module"], run_name="__main__", alter_sys=True)
    os._exit(0)
_, status, usage = os.wait4(child, 0)
ended = {{
    "status": os.waitstatus_to_exitcode(status),
    "seconds": round(time.monotonic() - began, 3),
    "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
    "rss_kib": usage.ru_maxrss,
}}
print("guest: ended", json.dumps(ended), flush=True)
while True:
    time.sleep(1000)
'''


@dataclass(frozen=True)
class Guest:
    """A kernel and an initramfs."""

    kernel: Path
    initramfs: Path


def build(
    folder: Path, cache: Cache, *, more: tuple[cpio.Entry, ...] = (), source: Path | None = None
) -> Guest:
    """Put the guest's initramfs into `folder`; `more` goes into it as well.

    `source` is the folder of the `osie` package, ours where it's None.
    """
    debian = packages.unpacked(packages.wanted(profile.load(_PROFILE, PROFILES)), cache)
    built = images.build_all(layout=folder / "layout", cache=cache, progress=Silent(), source=source)
    (action,) = (image for image in built if image.ref.startswith("actions/image2disk:"))
    initramfs = folder / "initramfs"
    with initramfs.open("wb") as file:
        cpio.write(file, [*_once(_entries(debian, action.layers)), *more], mtime=0)
    (vmlinuz,) = (debian / "boot").glob("vmlinuz-*")
    return Guest(vmlinuz, initramfs)


def _once(entries: Iterator[cpio.Entry]) -> list[cpio.Entry]:
    """The last of each path, where the first stood: folders come before what is in them."""
    return list({entry.path: entry for entry in entries}.values())


def _entries(debian: Path, layers: tuple[Layer, ...]) -> Iterator[cpio.Entry]:
    for layer in layers:
        yield from _files(layer)
    for name in _FOLDERS:
        yield cpio.directory(name)
    yield cpio.character_device("dev/console", 5, 1)
    modules = kernel.read(debian)
    early = kernel.select(modules, _AT_ONCE)
    late = [name for name in kernel.select(modules, _WITH_THE_DISK) if name not in early]
    for name, paths in (("at-once", early), ("with-the-disk", late)):
        places = [f"modules/{path.rpartition('/')[2]}.ko" for path in paths]
        for path, place in zip(paths, places, strict=True):
            yield cpio.file(place, lzma.decompress((modules.folder / f"kernel/{path}.ko.xz").read_bytes()))
        yield cpio.file(f"modules/{name}", "".join(f"/{place}\n" for place in places).encode())
    yield cpio.file("guest.py", _GUEST.encode())
    yield cpio.file("init", _INIT.encode(), 0o755)


def _files(layer: Layer) -> Iterator[cpio.Entry]:
    with tarfile.open(layer.tar) as tar:
        for member in tar:
            if member.isdir():
                yield cpio.directory(member.name, member.mode)
            elif member.issym():
                yield cpio.symlink(member.name, member.linkname)
            elif (content := tar.extractfile(member)) is not None:
                yield cpio.file(member.name, content.read(), member.mode)
