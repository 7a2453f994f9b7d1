"""A connection to a server: TCP, TLS, a proxy where the environment names one; kept between requests.

Every wait is bounded: by the time that a silent (or dripping) connection may take, and by the end of it all.
"""

import contextlib
import http.client
import io
import math
import socket
import ssl
import string
import struct
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from osie.actions.fetch.patience import Pace
from osie.actions.fetch.source import SourceError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_BUFFER_BYTES = 16 << 10
_AT_ONCE_BYTES = 256 << 10  # through http.client: larger buffers are allocated in vain


class Interrupted(Exception):
    """The connection broke, wasn't made, or isn't wanted now; another try may help."""

    def __init__(self, why: str, *, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s  # the server asks not to be asked before


def explained(error: BaseException) -> str:
    """What happened, in the fewest words."""
    if isinstance(error, TimeoutError):
        return str(error) if "nothing arrives" in str(error) else "nothing arrives"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate isn't valid: {error.verify_message}"
    if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead):
        return "the connection ended"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@contextlib.contextmanager
def troubles() -> Iterator[None]:
    """Turn what the network raises into Interrupted, or SourceError where another try is pointless."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise SourceError(explained(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(explained(error)) from error


class _Paced(io.RawIOBase):
    """A socket's receiving half: TimeoutError where it is silent or too slow for `stall_s`, or at `until`."""

    def __init__(self, sock: socket.socket, stall_s: float, until: float) -> None:
        self._socket = sock
        self._stall_s = stall_s
        self._until = until
        self._pace = Pace(stall_s)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._socket.settimeout(self._check())
        count = 0
        try:
            count = self._socket.recv_into(buffer)
        finally:
            self._pace.got(count)
        return count

    def receive(self, most: int) -> bytes:
        """Like recv, but all of `most` where it arrives within a second; at least a byte, nothing at the end.

        One call into the kernel per megabyte, where waiting for what is there would be a dozen. Not for TLS.
        """
        slice_s = min(1.0, self._stall_s / 2)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", *_timeval(slice_s)))
        while True:
            self._check()
            count = 0
            try:
                data = self._socket.recv(most, socket.MSG_WAITALL)
                count = len(data)
            except BlockingIOError:  # SO_RCVTIMEO is over, and nothing was there (socket(7))
                continue
            finally:
                self._pace.got(count)
            return data

    def _check(self) -> float:
        """How long may be waited now, in seconds."""
        self._pace.wait()
        left = min(self._pace.left_s, self._until - time.monotonic())
        if left <= 0:
            self._pace.got(0)
            raise TimeoutError(f"nothing arrives, or hardly anything, in {self._stall_s:g} s")
        return left

    def hurry(self, within_s: float) -> None:
        """From now on wait no longer than that, in all."""
        self._until = min(self._until, time.monotonic() + within_s)


def _timeval(seconds: float) -> tuple[int, int]:
    return int(seconds), int(seconds % 1 * 1_000_000)


class _Kept(io.BufferedReader):
    """Outlives each response: http.client closes what it read from, and the next comes from here too."""

    def close(self) -> None:
        pass


class Wire:
    """What http.client takes for a socket."""

    def __init__(self, sock: socket.socket, stall_s: float, until: float) -> None:
        self._socket = sock
        self._stall_s = stall_s
        self._raw = _Paced(sock, stall_s, until)
        self.incoming = _Kept(self._raw, _BUFFER_BYTES)

    @property
    def direct(self) -> bool:
        """Whether `receive` may be used: what arrives is what is meant."""
        return not isinstance(self._socket, ssl.SSLSocket)

    def receive(self, most: int) -> bytes:
        """Past the buffer, which must be empty."""
        return self._raw.receive(most)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Where responses are read from."""
        return self.incoming

    def sendall(self, data: "ReadableBuffer") -> None:
        """Send a request."""
        self._socket.settimeout(self._stall_s)
        self._socket.sendall(data)

    def close(self) -> None:
        """http.client says it is done with it; the one who dialled decides."""

    def has_ended(self, within_s: float) -> bool | None:
        """Whether the server ends the connection here; False: it sends more; None: neither, so far."""
        self._raw.hurry(within_s)
        try:
            return not self.incoming.peek(1)
        except TimeoutError:
            return None
        except OSError:
            return True

    def interrupt(self) -> None:
        """Wake a thread that is reading: there is nothing more to come."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """End it; for the thread that reads."""
        self.interrupt()
        self._socket.close()


def _proxy(parts: urllib.parse.SplitResult) -> urllib.parse.SplitResult | None:
    """The proxy that http_proxy, https_proxy and no_proxy name for this URL."""
    named = urllib.request.getproxies().get(parts.scheme)
    if not named or urllib.request.proxy_bypass(parts.netloc):  # type: ignore[attr-defined, unused-ignore]
        return None
    return urllib.parse.urlsplit(named if "//" in named else f"http://{named}")


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


class Line:
    """One connection to one server at a time, made when there is something to ask for."""

    def __init__(self, stall_s: float, until: float = math.inf) -> None:
        self._stall_s = stall_s
        self._until = until
        self._connection: http.client.HTTPConnection | None = None
        self._wire: Wire | None = None
        self._origin = ("", "")
        self._proxied = False
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
        target = urllib.parse.urlunsplit(parts._replace(fragment="")) if self._proxied else _target(parts)
        self._connection.request("GET", target, headers=headers)
        self._response = self._connection.getresponse()
        return self._response

    def _reusable(self) -> bool:
        return self._response is None or (self._response.isclosed() and not self._response.will_close)

    def _dial(self, parts: urllib.parse.SplitResult) -> None:
        proxy = _proxy(parts)
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
                connection.set_tunnel(parts.hostname or "", parts.port or 443)
            try:
                with _in_time(connection, 2 * timeout):
                    connection.connect()
            except BaseException:
                connection.close()
                raise
        sock = connection.sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire = Wire(sock, self._stall_s, self._until)
        self._connection, self._origin, self._asked = connection, (parts.scheme, parts.netloc), 0
        self._proxied = proxy is not None and not secure

    def receive(self, response: http.client.HTTPResponse, most: int, *, first: bool) -> bytes:
        """Some of the response's body; nothing at its end. `first`: nothing was read of it yet.

        The first bytes may be more than `most`: all that came along with the head.
        """
        wire = self._wire
        if first:
            return response.read1(max(most, _BUFFER_BYTES))
        if wire is None or not wire.direct or response.chunked:
            return response.read1(min(most, _AT_ONCE_BYTES))
        return wire.receive(most)

    def surplus(self, within_s: float = 1.0) -> bool:
        """Whether the server goes on sending after what should have been its last byte."""
        return self._wire is not None and self._wire.has_ended(within_s) is False

    def hang_up(self) -> None:
        """End the connection; the next request makes a new one."""
        wire, self._wire, self._connection, self._asked = self._wire, None, None, 0
        self._response = None
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
