"""Debian packages as a root tree, by mmdebstrap. Without a mirror, the host's own configuration decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from osie.core.process import run

SUITE = "trixie"
EPOCH = "1751328000"  # 2025-07-01: the time stamp in all we build, so that same inputs give same bytes


@dataclass(frozen=True)
class PackageSet:
    """Which packages, from where."""

    packages: tuple[str, ...]
    suite: str = SUITE
    mirror: str = ""  # "": as mmdebstrap finds it
    variant: str = "extract"  # unpacked but not configured: no maintainer script runs
    # The same for all that are built together: other lists may be of another day, and so other versions.
    components: tuple[str, ...] = ("main", "non-free-firmware")

    def inputs(self) -> list[object]:
        """What a cached result depends on."""
        return [sorted(self.packages), self.suite, self.mirror, self.variant, self.components, EPOCH]


def unpack(
    wanted: PackageSet,
    target: Path,
    *,
    exclude: Sequence[str] = (),
    hooks: Sequence[str] = (),
) -> None:
    """Unpack the packages and what they depend on into `target`: a folder, or a tar where it ends in .tar.

    `exclude` holds dpkg path patterns (dpkg.cfg(5), path-exclude); `hooks` are further mmdebstrap options,
    such as --customize-hook=.... Raises ProcessError with mmdebstrap's last lines.
    """
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in exclude]
    argv = [
        "mmdebstrap",
        "--quiet",
        f"--variant={wanted.variant}",
        f"--components={','.join(wanted.components)}",
        f"--include={','.join(wanted.packages)}",
        "--aptopt=APT::Install-Recommends false",
        *options,
        *hooks,
        wanted.suite,
        str(target),
        *([wanted.mirror] if wanted.mirror else []),
    ]
    # Where a tar is wanted, mmdebstrap makes the tree in TMPDIR: beside the tar, on the disk of the cache.
    run(argv, env={"SOURCE_DATE_EPOCH": EPOCH, "TMPDIR": str(target.parent)})


def installed(root: Path) -> list[dict[str, str]]:
    """The packages of an unpacked tree, by its dpkg database: `{"name", "version"}`, sorted by name."""
    status = root / "var/lib/dpkg/status"
    found = []
    for stanza in status.read_text().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").split()[-1:] in (["installed"], ["unpacked"], ["half-configured"]):
            found.append({"name": fields["Package"], "version": fields["Version"]})
    return sorted(found, key=lambda package: package["name"])
