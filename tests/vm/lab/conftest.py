"""What the lab's tests with machines share: the OS image, and an isolated network."""

from collections.abc import Iterator

import pytest

from osie.cli.workshop import build_cache
from osie.core.cache import Silent
from osie.lab import os_image
from osie.lab.network import Network


@pytest.fixture(scope="session")
def image() -> os_image.OsImage:
    """The lab's OS."""
    silent = Silent()
    return os_image.build(build_cache(silent), silent)


@pytest.fixture
def network() -> Iterator[Network]:
    """A network of the lab."""
    with Network() as network:
        yield network
