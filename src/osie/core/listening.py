"""TCP sockets that listen, bound by ourselves."""

import socket

_BACKLOG = 128  # asyncio waits with so many where it binds itself: see aiohttp's TCPSite


def listening(address: str, port: int) -> socket.socket:
    """Listen at an IPv4 or IPv6 address. Raises OSError, whose errno says why it can't be had.

    asyncio's create_server doesn't say it from Python 3.12 on, where the address isn't one of this host.
    """
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:  # without create_server's addition
        raise OSError(error.errno, (error.strerror or str(error)).partition(" (while")[0]) from error
