"""iPXE's binaries, copied to where TFTP and HTTP serve them."""

import shutil
from pathlib import Path

from osie.boots import dnsmasq
from osie.core.errors import OsieError


def install(source: Path, target: Path) -> dict[str, str]:
    """Copy what LOADERS names and `source` has; return the file's name for each architecture's tag."""
    found: dict[str, str] = {}
    for tag, _, names in dnsmasq.LOADERS:
        name = next((n for n in names if (source / n).is_file()), None)
        if name is None:
            continue
        copy = target / Path(name).name if tag != "efi-arm64" else target / f"arm64-{Path(name).name}"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, copy)
        copy.chmod(0o644)
        found[tag] = copy.name
    if "bios" not in found:
        raise OsieError(
            f"iPXE's binaries are not in {source}: {dnsmasq.BIOS_LOADER} is missing",
            hint="`osie build` puts them beside the kernel, or name their folder as boots.ipxe_folder",
        )
    return found
