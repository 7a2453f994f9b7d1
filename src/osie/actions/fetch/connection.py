"""A connection to a server: TCP, TLS, a proxy where the environment names one; kept between requests."""

import base64
import contextlib
import http.client
import math
import socket
import string
import threading
import time
import urllib.parse
from collections.abc import Iterator
from typing import cast

from osie.actions.fetch.paced_socket import BUFFER_BYTES, Interrupted, PacedSocket, troubles
from osie.actions.fetch.source import SourceError
from osie.core import proxies

_AT_ONCE_BYTES = 256 << 10  # through http.client: larger buffers are allocated in vain


def _proxy(url: str) -> urllib.parse.SplitResult | None:
    """The proxy for this URL. Raises SourceError for one that can't be used."""
    try:
        return proxies.proxy_for(url)
    except ValueError as error:
        scheme = urllib.parse.urlsplit(url).scheme.upper()
        raise SourceError(f"{scheme}_PROXY names no proxy that can be used: {error}") from None


def _credentials(proxy: urllib.parse.SplitResult) -> dict[str, str]:
    """The header that shows the proxy who asks (RFC 9110, 11.7.2)."""
    if proxy.username is None:
        return {}
    pair = f"{urllib.parse.unquote(proxy.username)}:{urllib.parse.unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


@contextlib.contextmanager
def _in_time(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """Break off a handshake that takes longer: a socket's own timeout starts over at each byte."""

    def break_off() -> None:
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(seconds, break_off)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


class Connection:
    """One connection to one server at a time, made when there is something to ask for."""

    def __init__(self, stall_s: float, until: float = math.inf) -> None:
        self._stall_s = stall_s
        self._until = until
        self._connection: http.client.HTTPConnection | None = None
        self._wire: PacedSocket | None = None
        self._origin = ("", "")
        self._through: dict[str, str] | None = None  # headers for the proxy that is asked; None: no proxy is
        self.closed = False
        self._asked = 0  # requests on this connection
        self._response: http.client.HTTPResponse | None = None  # the latest

    def ask(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """GET the URL; raises Interrupted, or SourceError for a certificate that isn't valid.

        A kept connection that the server has closed meanwhile is replaced, silently, by a new one.
        """
        parts = urllib.parse.urlsplit(url)
        if self._origin != (parts.scheme, parts.netloc) or not self._reusable():
            self.hang_up()
        while True:
            if self._connection is None:
                self._dial(parts)
            kept = self._asked > 0
            self._asked += 1
            try:
                with troubles():
                    return self._exchange(parts, headers)
            except Interrupted:
                self.hang_up()
                if not kept or self.closed:
                    raise

    def _exchange(self, parts: urllib.parse.SplitResult, headers: dict[str, str]) -> http.client.HTTPResponse:
        assert self._connection is not None  # noqa: S101 - `_dial` made it
        self._connection.sock = cast(socket.socket, self._wire)
        if self._through is None:
            self._connection.request("GET", _target(parts), headers=headers)
        else:
            whole = urllib.parse.urlunsplit(parts._replace(fragment=""))
            self._connection.request("GET", whole, headers={**headers, **self._through})
        self._response = self._connection.getresponse()
        return self._response

    def _reusable(self) -> bool:
        return self._response is None or (self._response.isclosed() and not self._response.will_close)

    def _dial(self, parts: urllib.parse.SplitResult) -> None:
        proxy = _proxy(urllib.parse.urlunsplit(parts))
        secure = parts.scheme == "https"
        timeout = min(self._stall_s, self._until - time.monotonic())
        if timeout <= 0 or self.closed:
            raise Interrupted("there is no time left" if not self.closed else "closed")
        at = proxy or parts
        with troubles():
            connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(
                at.hostname or "", at.port or (443 if secure and not proxy else 80), timeout=timeout
            )
            if proxy is not None and secure:
                connection.set_tunnel(parts.hostname or "", parts.port or 443, _credentials(proxy))
            try:
                with _in_time(connection, 2 * timeout):
                    connection.connect()
            except BaseException:
                connection.close()
                raise
        sock = connection.sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire = PacedSocket(sock, self._stall_s, self._until)
        self._connection, self._origin, self._asked = connection, (parts.scheme, parts.netloc), 0
        self._through = _credentials(proxy) if proxy is not None and not secure else None

    def receive(self, response: http.client.HTTPResponse, most: int, *, first: bool) -> bytes:
        """Some of the response's body; nothing at its end. `first`: nothing was read of it yet.

        The first bytes may be more than `most`: all that came along with the head.
        """
        wire = self._wire
        if first:
            return response.read1(max(most, BUFFER_BYTES))
        if wire is None or not wire.direct or response.chunked:
            return response.read1(min(most, _AT_ONCE_BYTES))
        return wire.receive(most)

    def surplus(self, within_s: float = 1.0) -> bool:
        """Whether the server goes on sending after what should have been its last byte."""
        return self._wire is not None and self._wire.has_ended(within_s) is False

    def hang_up(self) -> None:
        """End the connection; the next request makes a new one."""
        wire, self._wire, self._connection, self._asked = self._wire, None, None, 0
        response, self._response = self._response, None
        if response is not None:
            # Else its destructor does it, maybe after that of what it reads from; Python 3.13 tells that as
            # an error on standard error (IOBase.__del__).
            response.close()
        if wire is not None:
            wire.hang_up()

    def close(self) -> None:
        """End it for good, also under a thread that waits for it."""
        self.closed = True
        wire = self._wire
        if wire is not None:
            wire.interrupt()


def _target(parts: urllib.parse.SplitResult) -> str:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return urllib.parse.quote(target, safe=string.punctuation)  # what isn't ASCII; the rest stays as it is
