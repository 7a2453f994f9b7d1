"""An image over HTTP or HTTPS, from one server or several; a broken connection is taken up where it broke.

The bytes that were handed on are never handed on twice, and all are of one version of the image:

- the same server: by ETag, Last-Modified and length. Where it names no validator, or ignores Range, it is
  read again from the start, and what was handed on must be what comes again.
- another server: see `mirrors`.

For how long it goes on, see `patience`.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from osie.actions.fetch.connection import Connection
from osie.actions.fetch.mirror import Mirror
from osie.actions.fetch.mirrors import Mirrors
from osie.actions.fetch.paced_socket import Interrupted
from osie.actions.fetch.patience import Pace, Patience
from osie.actions.fetch.source import SourceError
from osie.actions.fetch.streams import FAST_BYTES_PER_S, Streams

__all__ = ["HttpSource", "Patience"]


class HttpSource:
    """One image; `tell` gets a line whenever a connection is lost and found.

    `checked`: somebody compares a digest of all the bytes in the end, so that a mirror with the same length
    may be believed. `connections`: how many one server is asked for at most,
    where a single one brings less than `fast_bytes_per_s`.
    """

    def __init__(
        self,
        mirrors: str | Sequence[Mirror],
        patience: Patience,
        tell: Callable[[str], None],
        *,
        connections: int = 1,
        checked: bool = False,
        fast_bytes_per_s: float = FAST_BYTES_PER_S,
    ) -> None:
        self._mirrors = Mirrors(
            [Mirror(mirrors)] if isinstance(mirrors, str) else mirrors, tell, patience.pause_s
        )
        self._patience = patience
        self._tell = tell
        self._pace = Pace(patience.outage_s)
        self._end_at = patience.end(time.monotonic())
        self._closed = threading.Event()
        self._lines: list[Connection] = []
        self._streams = Streams(
            self._new_line,
            tell,
            connections=connections,
            checked=checked,
            fast_bytes_per_s=fast_bytes_per_s,
        )
        self._opened = False
        self._lost = False

    @property
    def total(self) -> int | None:
        """Stored bytes, as the first answer said."""
        return self._streams.total

    @property
    def ends_clearly(self) -> bool:
        """Whether the server marks the end: by a length, or by chunks."""
        return self._streams.ends_clearly

    @property
    def seekable(self) -> bool:
        """Whether the server heeds ranges, and names what proves that they belong together."""
        return self._streams.seekable

    def open(self) -> None:
        """Get the first answer, which says the length and which version this is."""
        if not self._opened:
            self._persist(0, self._reach)
            self._opened = True

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes [start, end), over as many connections as it takes."""
        self.open()
        if self.total is not None:
            end = self.total if end is None else min(end, self.total)
        position = start
        while end is None or position < end:
            piece = self._persist(position, self._receive)
            if not piece:
                return
            if end is not None:
                piece = piece[: end - position]
            position += len(piece)
            yield piece

    def close(self) -> None:
        """Give up all connections."""
        self._closed.set()
        for line in self._lines:
            line.close()
        self._streams.drop()
        for line in self._lines:
            line.hang_up()

    def _new_line(self) -> Connection:
        self._lines = [line for line in self._lines if not line.closed]
        self._lines.append(Connection(self._patience.stall_s, self._end_at))
        return self._lines[-1]

    def _reach(self, position: int) -> bytes:
        if self._streams.reach(self._mirrors.current, position) and self._lost:
            self._lost = False
            self._tell(f"connected again, going on at byte {position}")
        return b""

    def _receive(self, position: int) -> bytes:
        self._reach(position)
        return self._streams.receive(self._mirrors.current, position)

    def _persist(self, position: int, step: Callable[[int], bytes]) -> bytes:
        """Do the step; where the connection is lost, again, here or at a mirror, until patience is over."""
        self._pace.wait()
        while True:
            mirror = self._mirrors.current
            try:
                self._check_time(position)
                piece = step(position)
            except Interrupted as error:
                self._streams.drop()
                self._wait(mirror, error, position)
                self._lost = True
            except SourceError as error:
                self._streams.drop()
                self._check_time(position)
                self._mirrors.give_up(mirror, error)
            else:
                self._pace.got(len(piece))
                mirror.delivered = mirror.delivered or bool(piece)
                return piece

    def _wait(self, mirror: Mirror, error: Interrupted, position: int) -> None:
        """Wait until a server may be asked. Raises SourceError where patience is over."""
        self._check_time(position)
        where = f"{mirror.name}: {error} {self._at(position)}"
        if not self._patience.retry:
            refusal = SourceError(where, hint="RETRY_ENABLED=false: no further try")
            self._mirrors.give_up(mirror, refusal)
            return
        pause = self._mirrors.failed(mirror, error.after_s, time.monotonic())
        if pause > self._pace.left_s:
            asks = f"; it asks to be left alone for {error.after_s:.0f} s" if error.after_s else ""
            raise SourceError(f"{where}{asks}; gave up after {self._patience.outage_s:g} s") from error
        now = self._mirrors.current
        self._tell(
            f"{where}; " + (f"trying again in {pause:.2g} s" if now is mirror else f"trying {now.name}")
        )
        self._closed.wait(min(pause, max(self._end_at - time.monotonic(), 0.0)))

    def _check_time(self, position: int) -> None:
        if self._closed.is_set():
            raise SourceError(f"{self._mirrors.current.name}: given up {self._at(position)}")
        if time.monotonic() >= self._end_at:
            limit = f"not done after {self._patience.total_s:g} s"
            raise SourceError(
                f"{self._mirrors.current.name}: {limit}, {self._at(position)}",
                hint="FETCH_DEADLINE_MINUTES is the limit",
            )

    def _at(self, position: int) -> str:
        return f"at byte {position}" + (f" of {self.total}" if self.total is not None else "")
