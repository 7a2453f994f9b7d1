"""What a disk may begin with, made by the programs that make it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from osie.core.process import run

MIB = 1 << 20
HEAD_BYTES = 2 * MIB  # what is kept of a disk: more than image2disk looks at


@dataclass(frozen=True)
class Disk:
    """A kind of disk."""

    name: str
    make: Callable[[Path], object]  # fills the file, which is there with its size
    mib: int = 8


def _command(*words: str) -> Callable[[Path], object]:
    """A program that is given the file; {} stands for it."""
    return lambda file: run([word.replace("{}", str(file)) for word in words])


def _sfdisk(label: str) -> Callable[[Path], object]:
    return lambda file: run(["sfdisk", "--quiet", file], input=f"label: {label}\n,2M\n".encode())


def _sfdisk_4096(label: str) -> Callable[[Path], object]:
    """On a disk with sectors of 4096 bytes."""

    def make(file: Path) -> None:
        device = run(["losetup", "--find", "--show", "--sector-size=4096", file]).stdout.strip()
        try:
            run(["sfdisk", "--quiet", device], input=f"label: {label}\n,2M\n".encode())
        finally:
            run(["losetup", "--detach", device])

    return make


def _lvm(file: Path) -> None:
    device = run(["losetup", "--find", "--show", file]).stdout.strip()
    try:
        run(["pvcreate", "--quiet", "--config", f'devices {{ filter=["a|^{device}$|", "r|.*|"] }}', device])
    finally:
        run(["losetup", "--detach", device])


def _tree(file: Path) -> Path:
    tree = file.with_name("tree")
    tree.mkdir(exist_ok=True)
    (tree / "file").write_bytes(b"content" * 1000)
    return tree


def _from_tree(*words: str) -> Callable[[Path], object]:
    """The same, of a folder: TREE."""

    def make(file: Path) -> None:
        file.unlink()
        run([word.replace("{}", str(file)).replace("TREE", str(_tree(file))) for word in words])

    return make


def _luks(kind: str) -> Callable[[Path], object]:
    quick = ["--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000"]
    words = ["cryptsetup", "luksFormat", "--batch-mode", f"--type={kind}", *quick, "--key-file=-"]
    return lambda file: run([*words, file], input=b"secret")


def _grub(file: Path) -> None:
    """A boot sector without a partition table, as on a floppy."""
    with file.open("r+b") as out:
        out.write(Path("/usr/lib/grub/i386-pc/boot.img").read_bytes())


def _md(at: int) -> Callable[[Path], object]:
    """A member's superblock by its layout (linux/raid/md_p.h): mdadm wants the kernel's driver."""

    def make(file: Path) -> None:
        with file.open("r+b") as out:
            out.seek(at)
            out.write(b"\xfc\x4e\x2b\xa9" + (1).to_bytes(4, "little") + bytes(8) + bytes(range(1, 17)))
            out.seek(at + 144)
            out.write((at // 512).to_bytes(8, "little"))

    return make


DISKS = (
    *(Disk(f"sfdisk {label}", _sfdisk(label)) for label in ("dos", "gpt", "sun", "sgi")),
    *(Disk(f"sfdisk {label}, 4096", _sfdisk_4096(label)) for label in ("dos", "gpt")),
    *(
        Disk(f"parted {label}", _command("parted", "--script", "{}", "mklabel", label))
        for label in ("amiga", "bsd", "dvh", "gpt", "mac", "msdos", "pc98", "sun")
    ),
    Disk("ext2", _command("mkfs.ext4", "-q", "-t", "ext2", "{}")),
    Disk("ext4", _command("mkfs.ext4", "-q", "{}")),
    Disk("ext4 with blocks of 1 KiB", _command("mkfs.ext4", "-q", "-b", "1024", "{}")),
    Disk("XFS", _command("mkfs.xfs", "-q", "{}"), mib=320),
    Disk("Btrfs", _command("mkfs.btrfs", "-q", "{}"), mib=128),
    Disk("FAT12", _command("mkfs.vfat", "-F", "12", "{}")),
    Disk("FAT16", _command("mkfs.vfat", "-F", "16", "{}"), mib=32),
    Disk("FAT32", _command("mkfs.vfat", "-F", "32", "{}"), mib=64),
    Disk("exFAT", _command("mkfs.exfat", "{}")),
    Disk("NTFS", _command("mkfs.ntfs", "--quiet", "--force", "--fast", "{}")),
    Disk("F2FS", _command("mkfs.f2fs", "-q", "{}"), mib=64),
    Disk("JFS", _command("mkfs.jfs", "-q", "{}"), mib=32),
    Disk("NILFS2", _command("mkfs.nilfs2", "-q", "{}"), mib=256),
    Disk("ReiserFS", _command("mkfs.reiserfs", "-q", "-ff", "{}"), mib=64),
    Disk("Minix 1", _command("mkfs.minix", "-1", "{}")),
    Disk("Minix 3", _command("mkfs.minix", "-3", "{}")),
    Disk("BFS", _command("mkfs.bfs", "{}")),
    Disk("UDF", _command("mkudffs", "--media-type=hd", "--blocksize=2048", "{}")),
    Disk("SquashFS", _from_tree("mksquashfs", "TREE", "{}", "-quiet", "-no-progress")),
    Disk("EROFS", _from_tree("mkfs.erofs", "{}", "TREE")),
    Disk("cramfs", _from_tree("mkfs.cramfs", "TREE", "{}")),
    Disk("ISO 9660", _from_tree("xorriso", "-as", "mkisofs", "-quiet", "-o", "{}", "TREE")),
    Disk(
        "ISO 9660, hybrid",
        _from_tree(
            "xorriso", "-as", "mkisofs", "-quiet", "-partition_offset", "16", "-hfsplus", "-o", "{}", "TREE",
        ),
    ),
    Disk("swap", _command("mkswap", "--quiet", "{}")),
    Disk("swap of large pages", _command("mkswap", "--quiet", "--pagesize=65536", "{}")),
    Disk("LVM", _lvm),
    Disk("LUKS 1", _luks("luks1"), mib=4),
    Disk("LUKS 2", _luks("luks2"), mib=20),
    Disk("MD 1.1", _md(0)),
    Disk("MD 1.2", _md(4096)),
    Disk("GRUB's boot sector", _grub),
)  # fmt: skip


def head_of(disk: Disk, folder: Path) -> bytes:
    """The disk's first bytes."""
    file = folder / "disk"
    with file.open("wb") as out:
        out.truncate(disk.mib * MIB)
    disk.make(file)
    with file.open("rb") as made:
        return made.read(HEAD_BYTES)
