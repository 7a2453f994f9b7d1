"""Debian's iPXE binaries as a build takes them, for tests that netboot without building a ramdisk."""

from pathlib import Path

from osie.cli.workshop import build_cache
from osie.image.root import ipxe


def folder() -> Path:
    """The folder with them, downloaded to the user's build cache where it isn't there yet."""
    return ipxe.unpacked(ipxe.wanted(), build_cache())
