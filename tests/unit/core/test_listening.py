"""A socket that can't be had says why, on every Python."""

import errno

import pytest

from osie.core.listening import listening


def test_a_foreign_address_has_its_errno() -> None:
    """Not None, as with asyncio's own since Python 3.12; and the reason alone, without the address."""
    with pytest.raises(OSError) as caught:
        listening("192.0.2.1", 0)
    assert (caught.value.errno, caught.value.strerror) == (
        errno.EADDRNOTAVAIL,
        "Cannot assign requested address",
    )


def test_a_taken_port_has_its_errno() -> None:
    """As for an address."""
    with listening("127.0.0.1", 0) as first, pytest.raises(OSError) as caught:
        listening("127.0.0.1", first.getsockname()[1])
    assert caught.value.errno == errno.EADDRINUSE
