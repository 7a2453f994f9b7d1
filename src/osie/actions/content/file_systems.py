"""File systems, and what else may fill a disk from its start: volumes, encryption, RAID, swap, CDs.

Sources: each one's description of its format, as libblkid (util-linux) has collected their places. What has
its mark at the disk's end alone (MD metadata 0.90 and 1.0, a fixed VHD) begins with what it holds.
"""

import struct

from osie.actions.content.magic import Magic, first

KIB = 1 << 10
_PAGES = (4 * KIB, 8 * KIB, 16 * KIB, 64 * KIB)  # a swap area's header ends the first page (mkswap(8))
_ISO_AT = 32 * KIB  # the 17th sector of 2 KiB (ECMA-119, 6.7.1)
_BCACHE = b"\xc6\x85\x73\xf6"  # and the beginning of bcachefs'
_ZFS_AT, _ZFS_STOP = 128 * KIB, 256 * KIB  # the first label's ring of uberblocks (ZFS On-Disk Format, 1.3)
_ZFS = b"\x0c\xb1\xba\0\0\0\0\0"  # 0x00bab10c, 64 bits
_EXT_AT = 1 * KIB  # Documentation/filesystems/ext4/super.rst

MAGICS = (
    Magic("an XFS file system", 0, b"XFSB"),
    Magic("a Btrfs file system", 64 * KIB + 64, b"_BHRfS_M"),
    Magic("an exFAT file system", 3, b"EXFAT   "),
    Magic("an NTFS file system", 3, b"NTFS    "),
    Magic("a ReFS file system", 3, b"\0\0\0ReFS\0"),
    Magic("a FAT file system", 54, b"FAT12   "),
    Magic("a FAT file system", 54, b"FAT16   "),
    Magic("a FAT file system", 82, b"FAT32   "),
    Magic("an F2FS file system", 1 * KIB, b"\x10\x20\xf5\xf2"),
    Magic("an EROFS file system", 1 * KIB, b"\xe2\xe1\xf5\xe0"),
    Magic("a SquashFS file system", 0, b"hsqs"),
    Magic("a SquashFS file system", 0, b"sqsh"),
    Magic("a cramfs file system", 0, b"\x45\x3d\xcd\x28"),
    Magic("a cramfs file system", 512, b"\x45\x3d\xcd\x28"),
    Magic("a romfs file system", 0, b"-rom1fs-"),
    Magic("a BFS file system", 0, b"\xce\xfa\xad\x1b"),
    *(
        Magic("a ReiserFS file system", at + 52, name)
        for at in (8 * KIB, 64 * KIB)
        for name in (b"ReIsErFs", b"ReIsEr2Fs", b"ReIsEr3Fs")
    ),
    Magic("a JFS file system", 32 * KIB, b"JFS1"),
    *(Magic("an OCFS2 file system", at, b"OCFSV2") for at in (1 * KIB, 2 * KIB, 4 * KIB, 8 * KIB)),
    Magic("a GFS2 file system", 64 * KIB, b"\x01\x16\x19\x70"),
    Magic("an APFS container", 32, b"NXSB"),
    Magic("an HFS+ file system", 1 * KIB, b"H+\0\4"),
    Magic("an HFS+ file system", 1 * KIB, b"HX\0\5"),
    *(
        Magic("a UFS file system", at + 1372, number)
        for at in (8 * KIB, 64 * KIB)
        for number in (b"\x54\x19\x01\0", b"\0\x01\x19\x54", b"\x19\x01\x54\x19", b"\x19\x54\x01\x19")
    ),
    Magic("bcache or bcachefs", 4 * KIB + 24, _BCACHE),
    *(Magic("an LVM physical volume", 512 * sector, b"LABELONE") for sector in range(4)),
    Magic("LUKS", 0, b"LUKS\xba\xbe"),
    Magic("BitLocker", 3, b"-FVE-FS-"),
    Magic("an MD array", 0, b"\xfc\x4e\x2b\xa9"),
    Magic("an MD array", 4 * KIB, b"\xfc\x4e\x2b\xa9"),
    *(
        Magic("a swap area", page - 10, name)
        for page in _PAGES
        for name in (b"SWAPSPACE2", b"SWAP-SPACE", b"S1SUSPEND\0", b"S2SUSPEND\0")
    ),
    *(Magic("an ISO 9660 or UDF file system", _ISO_AT + 1, name) for name in (b"CD001", b"BEA01", b"NSR0")),
)


def told(head: bytes) -> str | None:
    """What fills the disk that begins so; None where it is nothing that is known."""
    if _is_ext(head):
        return "an ext2, ext3 or ext4 file system"
    if _is_nilfs(head):
        return "a NILFS2 file system"
    if _is_minix(head):
        return "a Minix file system"
    if _is_zfs(head):
        return "a ZFS pool's member"
    return first(MAGICS, head)


def _is_ext(head: bytes) -> bool:
    """Whether there is a superblock: two bytes of magic, so its other fields have to be possible, too."""
    if len(head) < 2 * KIB:
        return False
    inodes, blocks = struct.unpack_from("<2I", head, _EXT_AT)
    (block_size,) = struct.unpack_from("<I", head, _EXT_AT + 24)
    magic, state = struct.unpack_from("<2H", head, _EXT_AT + 56)
    (revision,) = struct.unpack_from("<I", head, _EXT_AT + 76)
    return magic == 0xEF53 and bool(inodes and blocks) and block_size <= 6 and state < 8 and revision <= 1


def _is_nilfs(head: bytes) -> bool:
    """Whether there is a superblock (linux/nilfs2_ondisk.h): revision 2, two bytes of magic, its own size."""
    if len(head) < 2 * KIB:
        return False
    revision, _minor, magic, size = struct.unpack_from("<I3H", head, 1 * KIB)
    return bool(revision == 2 and magic == 0x3434 and 0 < size <= KIB)


def _is_minix(head: bytes) -> bool:
    """Whether there is a superblock (linux/minix_fs.h) of version 1, 2 or 3, with fields that it can have."""
    if len(head) < 2 * KIB:
        return False
    inodes, _zones, maps, zone_maps, _data, log_zone = struct.unpack_from("<6H", head, 1 * KIB)
    (old_magic,) = struct.unpack_from("<H", head, 1 * KIB + 16)
    (new_magic, new_maps, new_log_zone) = (
        struct.unpack_from("<H", head, 1 * KIB + at)[0] for at in (24, 6, 12)
    )
    old = old_magic in (0x137F, 0x138F, 0x2468, 0x2478) and inodes and maps and zone_maps and not log_zone
    return bool(old or (new_magic == 0x4D5A and new_maps and not new_log_zone))


def _is_zfs(head: bytes) -> bool:
    return any(
        head.startswith(number, at)
        for at in range(_ZFS_AT, min(_ZFS_STOP, len(head)), KIB)
        for number in (_ZFS, _ZFS[::-1])
    )
