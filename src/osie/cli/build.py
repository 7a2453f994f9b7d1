"""`osie build`: from a profile to a kernel and a ramdisk."""

import signal
from pathlib import Path

import click
from rich.console import Console

from osie.cli import doctor, size_tree
from osie.cli.progress import TerminalProgress, megabytes
from osie.cli.workshop import Workshop, cache_root
from osie.contracts import artifacts
from osie.core import interruption


@click.command()
@click.option("--profile", default="default", show_default=True, help="A profile's name, or its file.")
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="The artifacts' folder."
)
@click.option("--refresh", is_flag=True, help="Ask the mirror for newer packages now; else once a day.")
def build(profile: str, output: Path, refresh: bool) -> None:
    """Build the kernel and the ramdisk from a profile."""
    doctor.require("build")
    interruption.heed(signal.SIGINT)
    console = Console()
    with TerminalProgress(console) as progress:
        manifest = Workshop.at(cache_root(), progress).ramdisk(profile, output, refresh=refresh)
    console.print()
    for line in size_tree.lines(manifest.parts):
        console.print(line, highlight=False, markup=False)
    console.print()
    for artifact in manifest.artifacts:
        console.print(f"{output / artifact.name}  [bold]{megabytes(artifact.size)}[/]", highlight=False)
    loaders = sum(loader.size for loader in manifest.loaders)
    console.print(f"{output / artifacts.IPXE}/  [bold]{megabytes(loaders)}[/], for firmware", highlight=False)
    console.print(f"kernel and ramdisk together: [bold]{megabytes(manifest.size)}[/]", highlight=False)
