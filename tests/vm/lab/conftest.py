"""What the lab's tests with machines share: the OS image, and an isolated network."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from osie.core.cache import Cache, Silent
from osie.lab import os_image
from osie.lab.network import Network


def cache_folder() -> Path:
    """The build cache that `osie` uses: what a demo has built needn't be built for the tests."""
    given = os.environ.get("OSIE_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(home) / "osie"


@pytest.fixture(scope="session")
def image() -> os_image.OsImage:
    """The lab's OS."""
    silent = Silent()
    return os_image.build(Cache(cache_folder() / "build", silent), silent)


@pytest.fixture
def network() -> Iterator[Network]:
    """A network of the lab."""
    with Network() as network:
        yield network
