"""OpenPGP keys, made for the tests."""

from collections.abc import Iterator

import pytest
from gpg_home import Gpg


@pytest.fixture(scope="session")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpg]:
    """Two people's keys."""
    gpg = Gpg(tmp_path_factory.mktemp("gpg") / "h")
    try:
        gpg.key("alice")
        gpg.key("bob", "rsa2048")
        yield gpg
    finally:
        gpg.close()
