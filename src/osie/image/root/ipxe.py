"""iPXE's binaries, from the suite that the ramdisk is made of: every host hands machines the same bytes.

See docs/decisions/0019-ipxe-from-the-ramdisks-suite.md.
"""

from pathlib import Path

from osie.core import packages
from osie.core.cache import Cache
from osie.core.debian import SUITE, PackageSet, installed
from osie.core.errors import OsieError

PACKAGE = "ipxe"
# What firmware of each kind is handed; of arm64's, what the package has. boots.dnsmasq.LOADERS says to whom.
_NEEDED = ("undionly.kpxe", "snponly.efi", "ipxe.efi")
_WHERE_THERE_ARE = ("arm64-efi/snponly.efi", "snponly-arm64.efi", "ipxe-arm64.efi")
_FOLDER = "usr/lib/ipxe"
# Media to start from, 9 MB, and machines that we build no ramdisk for.
_EXCLUDE = ("/usr/share/*", "/usr/lib/ipxe/ipxe.iso", "/usr/lib/ipxe/*loong64*", "/usr/lib/ipxe/*riscv64*")


def wanted(suite: str = SUITE, mirror: str = "") -> PackageSet:
    """What to ask the mirror for."""
    return PackageSet((PACKAGE,), suite=suite, mirror=mirror)


def unpacked(asked: PackageSet, cache: Cache) -> Path:
    """The folder that Debian's package puts its binaries into: `ipxe.lkrn` and more are there, too."""
    return packages.unpacked(asked, cache, step="ipxe", exclude=_EXCLUDE) / _FOLDER


def binaries(folder: Path) -> dict[str, Path]:
    """What is to be served of that folder, by name. Raises OsieError where the package lacks one."""
    if lacking := [name for name in _NEEDED if not (folder / name).is_file()]:
        raise OsieError(f"Debian's package {PACKAGE} has no {', '.join(lacking)}")
    return {name: folder / name for name in (*_NEEDED, *_WHERE_THERE_ARE) if (folder / name).is_file()}


def package(folder: Path) -> dict[str, str]:
    """The package's name and version."""
    (found,) = installed(folder.parents[2])
    return found
