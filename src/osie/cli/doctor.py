"""`osie doctor`: what the host lacks, and which package brings it."""

import os

import click
from rich.console import Console
from rich.table import Table

from osie.core.errors import OsieError
from osie.core.host_tools import NEEDS, Need, Part
from osie.core.process import run

_ROOT_FOR: dict[Part, str] = {
    "build": "root trees have files of many owners",
    "serve": "DHCP, TFTP and syslog have ports below 1024",
    "lab": "it makes network namespaces",
}
_INSTALLED = "ii"  # dpkg-query(1), db:Status-Abbrev


def missing(*parts: Part) -> list[Need]:
    """The needs of these parts (all of them when none is named) that this host lacks."""
    return [need for need in NEEDS if (not parts or need.part in parts) and need.found() is None]


def require(*parts: Part) -> None:
    """Raise one OsieError that names everything missing for these parts, and being root."""
    if os.geteuid() != 0:
        reasons = [why for part, why in _ROOT_FOR.items() if not parts or part in parts]
        raise OsieError(f"this needs root: {', '.join(reasons)}", hint="use sudo")
    if lacking := missing(*parts):
        raise OsieError(f"this host lacks {', '.join(str(n.path) for n in lacking)}", hint=remedy(lacking))


def remedy(lacking: list[Need]) -> str:
    """What to do; apt-get install is no help where the package is there and its file isn't."""
    packages = sorted({need.package for need in lacking})
    absent = [name for name in packages if not _installed(name)]
    if absent:
        return f"apt-get install {' '.join(absent)}"
    looked = ", ".join(place for need in lacking for place in (need.places or (f"{need.name} on PATH",)))
    return (
        f"{', '.join(packages)} is installed without it (looked for: {looked}): apt-get install --reinstall"
        f" {' '.join(packages)}; where that changes nothing, this release has it elsewhere: please tell us"
    )


def _installed(package: str) -> bool:
    """Whether dpkg says so; a host without dpkg has no packages."""
    try:
        told = run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package], check=False)
    except OsieError:
        return False
    return told.stdout.startswith(_INSTALLED)


@click.command()
def doctor() -> int:
    """Say what this host lacks, and how to get it. Exits with 1 where anything is missing."""
    out = Console()
    table = Table("needed", "for", "state", "Debian package", box=None, pad_edge=False)
    for need in NEEDS:
        found = need.found()
        state = "[green]ok[/]" if found else "[red]missing[/]"
        table.add_row(str(found or need.path) if need.places else need.name, need.part, state, need.package)
    root = os.geteuid() == 0
    table.add_row("root", "build, serve, lab", "[green]ok[/]" if root else "[red]missing[/]", "")
    out.print(table)
    lacking = missing()
    if lacking:
        out.print(f"\nGet what is missing: [bold]{remedy(lacking)}[/]")
    if not root:
        out.print("\nRun as root to build, to serve and to use the lab.")
    if not lacking and root:
        out.print("\nThis host has everything.")
    return 1 if lacking or not root else 0
