"""The lab's OS image, "Debian 13 minimal": a raw disk, zstd-compressed, that starts by BIOS and by UEFI."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from osie.core.cache import BuildProgress, Cache
from osie.core.files import sha256_of_file
from osie.core.process import run
from osie.lab import disk, grub, initramfs, os_root

COMMAND_LINE = (
    f"root=UUID={disk.ROOT_UUID} rootfstype=ext4 rootwait rw edd=off console=tty0 console=ttyS0,115200"
)
_KERNEL, _INITRAMFS = "/boot/vmlinuz-{version}", "/boot/initrd.img-{version}"
_FILE = "debian-13.raw.zst"
_SOURCES = ("os_image.py", "disk.py", "grub.py", "initramfs.py")  # what the disk is made by
_LEVEL = 12  # packing takes seconds once; unpacking is as fast at every level


@dataclass(frozen=True)
class OsImage:
    """A built image."""

    path: Path  # raw disk, compressed with zstd
    sha256: str  # of the file at `path`
    raw_size_bytes: int
    root_partition: int  # the number of the ext4 root partition


def build(cache: Cache, progress: BuildProgress) -> OsImage:
    """The image, from the cache where its inputs are unchanged. `progress` hears of each step."""
    cache = Cache(cache.root, progress)
    tree = os_root.build(cache)
    sources = [sha256_of_file(Path(__file__).with_name(name)) for name in _SOURCES]
    inputs = [tree.key, sources, *grub.inputs()]
    folder = cache.get("lab-os", inputs, lambda out: _build(tree, out))
    return OsImage(
        path=folder / _FILE,
        sha256=(folder / "sha256").read_text(),
        raw_size_bytes=disk.SIZE_MIB * disk.MIB,
        root_partition=disk.ROOT.number,
    )


def _build(tree: os_root.RootTree, out: Path) -> None:
    # A tree and a disk: beside the result, so that the disk that is named where it is full is the one.
    with tempfile.TemporaryDirectory(dir=out) as name:
        root, raw = Path(name) / "root", Path(name) / "disk.raw"
        os_root.unpack(tree, root)
        _add_boot_files(root)
        disk.create(raw, root)
        run(["zstd", "--quiet", "-T0", f"-{_LEVEL}", raw, "-o", out / _FILE])
    (out / "sha256").write_text(sha256_of_file(out / _FILE))


def _add_boot_files(root: Path) -> None:
    version = os_root.kernel_version(root)
    kernel, ramdisk = _KERNEL.format(version=version), _INITRAMFS.format(version=version)
    initramfs.write(root, version, root / ramdisk.lstrip("/"))
    folder = root / "boot/grub"
    folder.mkdir()
    (folder / "grub.cfg").write_text(grub.configuration(kernel, ramdisk, COMMAND_LINE))
    os_root.date(root / "boot", folder, folder / "grub.cfg", root / ramdisk.lstrip("/"))
