"""What people serve in place of a disk image, made by the programs that make it."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from disk_images import noise
from integration.actions.corpus.packers import SEVEN_ZIP

from osie.core.process import run

MIB = 1 << 20


@dataclass(frozen=True)
class Stranger:
    """A kind of file that is no disk's content."""

    name: str
    make: Callable[[Path], bytes]  # in a folder with disk.img
    told: str  # a pattern that the error has


def _made(told: str, name: str, *words: str) -> Stranger:
    """By a program that writes a file called `made`, whatever its suffix."""

    def make(folder: Path) -> bytes:
        run(list(words), cwd=folder)
        return next(folder.glob("made*")).read_bytes()

    return Stranger(name, make, told)


def _piped(told: str, name: str, *words: str, given: str = "disk.img\n") -> Stranger:
    """By a program that writes to its standard output, told of the file or given it."""

    def make(folder: Path) -> bytes:
        data = (folder / "disk.img").read_bytes() if given == "the file" else given.encode()
        return subprocess.run(words, cwd=folder, input=data, capture_output=True, check=True).stdout

    return Stranger(name, make, told)


def _text(told: str, name: str, text: str, encoding: str = "utf-8") -> Stranger:
    return Stranger(name, lambda _folder: text.encode(encoding).ljust(512, b"\0"), told)


def _file(told: str, path: str) -> Stranger:
    return Stranger(path, lambda _folder: Path(path).read_bytes(), told)


def _debian_package(folder: Path) -> bytes:
    (folder / "package/DEBIAN").mkdir(parents=True)
    (folder / "package/DEBIAN/control").write_text(
        "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: me <me@example.org>\nDescription: x\n"
    )
    run(["dpkg-deb", "--build", "package", "made"], cwd=folder)
    return (folder / "made").read_bytes()


def _wim(folder: Path) -> bytes:
    (folder / "tree").mkdir()
    (folder / "tree/file").write_bytes(b"content")
    run(["wimlib-imagex", "capture", "tree", "made", "--nocheck"], cwd=folder)
    return (folder / "made").read_bytes()


def _kernel(_folder: Path) -> bytes:
    """By its layout (Linux, x86/boot.rst): a program for EFI, 55 AA as a boot sector, and its own mark."""
    return b"MZ".ljust(510, b"\0") + b"\x55\xaa\xeb\x66HdrS" + bytes(1024)


def _bmap(folder: Path) -> bytes:
    return run(["bmaptool", "--quiet", "create", "disk.img"], cwd=folder).stdout.encode()


def converted(kind: str, told: str = "qemuimg2disk", *options: str) -> Stranger:
    """One of qemu-img's formats."""
    return _made(told, f"qemu-img {kind}{' ' if options else ''}{' '.join(options)}",
                 "qemu-img", "convert", "-O", kind, *options, "disk.img", "made")  # fmt: skip


TAR = "tar archive.*archive2disk"
ARCHIVE = "archive.*take the image out"
PACKED = "compressed by|legacy format"
_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'
_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 123\n"

STRANGERS = (
    *(converted(kind) for kind in ("qcow2", "qcow", "vmdk", "vhdx", "vdi", "vpc")),
    *(converted(kind, "qemu-img convert") for kind in ("qed", "parallels")),
    converted("qcow2", "qemuimg2disk", "-c"),
    converted("vmdk", "qemuimg2disk", "-o", "subformat=streamOptimized"),
    converted("vmdk", "qemuimg2disk", "-o", "subformat=monolithicFlat"),
    *(
        _made(TAR, f"GNU tar {kind}", "tar", f"--format={kind}", "-cf", "made", "disk.img")
        for kind in ("v7", "oldgnu", "gnu", "ustar", "posix")
    ),
    _made(TAR, "GNU tar, sparse", "tar", "--sparse", "-cf", "made", "disk.img"),
    *(
        _made(TAR, f"bsdtar {kind}", "bsdtar", f"--format={kind}", "-cf", "made", "disk.img")
        for kind in ("v7", "ustar", "pax", "gnutar")
    ),
    *(
        _made(ARCHIVE, f"bsdtar {kind}", "bsdtar", f"--format={kind}", "-cf", "made", "disk.img")
        for kind in ("cpio", "newc", "7zip", "zip", "xar", "bin")
    ),
    _made(
        "a text that begins with '#mtree'",
        "bsdtar mtree",
        "bsdtar",
        "--format=mtree",
        "-cf",
        "made",
        "disk.img",
    ),
    _made(TAR, "busybox tar", "busybox", "tar", "-cf", "made", "disk.img"),
    *(_piped(ARCHIVE, f"cpio {kind}", "cpio", "-o", "-H", kind) for kind in ("bin", "odc", "newc", "crc")),
    *(_piped(TAR, f"cpio {kind}", "cpio", "-o", "-H", kind) for kind in ("tar", "ustar")),
    _made(ARCHIVE, "zip", "zip", "-q", "made.zip", "disk.img"),
    _piped(ARCHIVE, "zip, stored", "zip", "-q", "-0", "-", "disk.img"),
    _made(ARCHIVE, "7z", SEVEN_ZIP, "a", "-bd", "made.7z", "disk.img"),
    _made(ARCHIVE, "ar", "ar", "cr", "made", "disk.img"),
    Stranger("a Debian package", _debian_package, "Debian package"),
    Stranger("WIM", _wim, "WIM.*wimlib"),
    _made("simg2img", "Android sparse", "img2simg", "disk.img", "made"),
    _piped(PACKED, "lzip", "lzip", "-c", given="the file"),
    _piped(PACKED, "plzip", "plzip", "-c", given="the file"),
    _piped(PACKED, "lzop", "lzop", "-c", given="the file"),
    _piped(PACKED, "compress", "compress", "-f", "-c", given="the file"),
    _piped(PACKED, "lzma", "xz", "--format=lzma", "-c", "-0", given="the file"),
    _piped(PACKED, "lz4, legacy", "lz4", "-l", "-c", given="the file"),
    _file("ELF", "/bin/true"),
    Stranger("a Linux kernel", _kernel, "Linux kernel"),
    _file("EFI or Windows program", "/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi"),
    _made(
        TAR, "an OVA, as Packer makes it", "tar", "--format=ustar", "-cf", "made.ova", "os.ovf", "disk.img"
    ),
    Stranger("bmap", _bmap, "XML document"),
    _text("Git LFS pointer.*git lfs pull", "Git LFS", _POINTER),
    _text("XML document", "an error of S3", _ERROR),
    _text("JSON document", "JSON", '{"message": "Not Found"}'),
    _text("JSON document", "JSON in UTF-16", '\ufeff{"message": "Not Found"}', "utf-16-le"),
    _text("web page", "a web page", "\n<!DOCTYPE html>\n<html lang=de><body>Grüße</body></html>"),
    _text("a text that begins with '404 page not found'", "text", "404 page not found\n"),
    _text("encrypted by OpenPGP", "OpenPGP", "-----BEGIN PGP MESSAGE-----\n\nabc\n"),
    Stranger("noise", lambda _folder: bytes(8) + noise(4096)[512:], "nothing that is known"),
    Stranger("zeroes", lambda _folder: bytes(2 * MIB), "nothing but zeroes"),
    Stranger("a disk that begins late", lambda _folder: bytes(MIB) + noise(MIB), "nothing but zeroes"),
)


def made(stranger: Stranger, folder: Path) -> bytes:
    """The file's bytes. What it is made of is a disk with a partition table."""
    (folder / "disk.img").write_bytes(noise(256 << 10))
    (folder / "os.ovf").write_text("<Envelope/>")
    return stranger.make(folder)
