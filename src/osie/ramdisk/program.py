"""What the ramdisk needs to know of a container engine to run it: a value, made by dockerd and podman."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

SOCKET = Path("/var/run/docker.sock")  # where workers and actions look for an engine, whichever it is
STORAGE = Path("/var/lib/docker")  # images and containers, a tmpfs of its own


class Program(NamedTuple):
    """One engine: how it is started, and the files that it reads."""

    argv: tuple[str, ...]
    beside: tuple[tuple[str, ...], ...] = ()  # the programs that it works through, started at the same time
    files: Mapping[Path, str] = MappingProxyType({})
    seed: Path | None = None  # a folder that its empty storage starts as a copy of
    stale: tuple[Path, ...] = ()  # what a killed one leaves that the next would stumble over
