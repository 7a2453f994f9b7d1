"""A socket on which every wait is bounded: by how long it may be silent or drip, and by the end of it all."""

import contextlib
import http.client
import io
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from osie.actions.fetch.patience import Pace
from osie.actions.fetch.source import SourceError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

BUFFER_BYTES = 16 << 10


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


class PacedSocket:
    """What http.client takes for a socket."""

    def __init__(self, sock: socket.socket, stall_s: float, until: float) -> None:
        self._socket = sock
        self._stall_s = stall_s
        self._raw = _Paced(sock, stall_s, until)
        self.incoming = _Kept(self._raw, BUFFER_BYTES)

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
