"""Several connections to one server, each fetching one slice after the other; handed on in order.

Slices are asked for as needed, so that nothing is sent that isn't wanted; at most MOST_AHEAD_BYTES are held.
The first connection that breaks ends the whole stream: what arrived before that place is handed on, and the
one who reads begins again from there. So there is one way only to go on after a failure, with one connection
as with many.
"""

import threading
from collections import deque
from collections.abc import Callable

from osie.actions.fetch.answer import Answer
from osie.actions.fetch.connection import Connection
from osie.actions.fetch.mirror import Mirror, changed
from osie.actions.fetch.paced_socket import Interrupted

SLICE_BYTES = 2 << 20
MOST_AHEAD_BYTES = 8 << 20


class _Slice:
    """One slice's bytes, as far as they have arrived and weren't handed on."""

    def __init__(self, *, ended: bool = False) -> None:
        self.pieces: deque[bytes] = deque()
        self.ended = ended
        self.error: BaseException | None = None


class Parallel:
    """The bytes `wanted` of the image. `line`: one connection that there is already."""

    def __init__(
        self,
        mirror: Mirror,
        line: Connection,
        wanted: range,
        new_line: Callable[[], Connection],
        *,
        connections: int,
    ) -> None:
        self._mirror = mirror
        self._wanted = wanted
        self.position = wanted.start
        self._changed = threading.Condition()
        self._slices: dict[int, _Slice] = {}
        self._count = -(-len(wanted) // SLICE_BYTES)
        self._next = 0  # the slice that nobody fetches yet
        self._head = 0  # the slice that is handed on
        self._ahead = min(2 * connections, MOST_AHEAD_BYTES // SLICE_BYTES)
        self._stopped = False
        self._surplus = False
        self._lines = [line, *(new_line() for _ in range(min(connections, self._count) - 1))]
        self._threads = [
            threading.Thread(target=self._work, args=(each,), daemon=True, name="fetch-slices")
            for each in self._lines
        ]
        for thread in self._threads:
            thread.start()

    def receive(self) -> bytes:
        """The next piece; nothing at the end. Raises Interrupted or SourceError where a slice broke."""
        with self._changed:
            while self._head < self._count:
                head = self._slices.setdefault(self._head, _Slice())
                self._changed.wait_for(lambda head=head: head.pieces or head.ended)  # type: ignore[misc]
                if head.pieces:
                    piece = head.pieces.popleft()
                    self.position += len(piece)
                    return piece
                if head.error is not None:
                    raise head.error
                del self._slices[self._head]
                self._head += 1
                self._changed.notify_all()
        return b""

    def surplus(self) -> bool:
        """After the last byte: whether the server goes on sending."""
        with self._changed:
            last = self._slices.get(self._count - 1, _Slice(ended=True))
            self._changed.wait_for(lambda: last.ended or self._stopped)
            return self._surplus

    def close(self) -> None:
        """Stop the threads; none is waited for long: a daemon that still dials finds out by itself."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for line in self._lines:
            line.close()
        for thread in self._threads:
            thread.join(1.0)

    def _take(self) -> int:
        """The number of a slice to fetch, once there is room for it; -1 where none is left."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopped or self._next >= self._count or self._next < self._head + self._ahead
            )
            if self._stopped or self._next >= self._count:
                return -1
            self._next += 1
            self._slices.setdefault(self._next - 1, _Slice())
            return self._next - 1

    def _work(self, line: Connection) -> None:
        try:
            self._fetch_all(line)
        finally:
            line.hang_up()

    def _fetch_all(self, line: Connection) -> None:
        while (number := self._take()) >= 0:
            error: BaseException | None = None
            try:
                self._fetch(number, line)
            except BaseException as raised:  # noqa: BLE001 - handed over to the reader, whatever it is
                error = raised
            with self._changed:
                slice_ = self._slices[number]
                slice_.ended, slice_.error = True, error
                self._changed.notify_all()
            if error is not None:
                return

    def _fetch(self, number: int, line: Connection) -> None:
        """All of a slice; where the server sends less of it than was asked for, in several requests."""
        total = self._wanted.stop
        position = self._wanted.start + number * SLICE_BYTES
        end = min(position + SLICE_BYTES, total)
        while position < end:
            answer = self._ask(line, position, end)
            while piece := answer.receive():
                position += len(piece)
                self._hand(number, piece)
            if position == total:
                self._surplus = answer.surplus()

    def _ask(self, line: Connection, position: int, end: int) -> Answer:
        try:
            answer = self._mirror.ask(line, position, end)
        except Interrupted:
            self._mirror.wide = False  # it may not want several connections: it gets one
            raise
        if not answer.partial:
            answer.close()
            self._mirror.wide = False
            raise Interrupted("the server doesn't answer with ranges any more")
        if answer.version.total not in (None, self._wanted.stop):
            answer.close()
            raise changed(self._mirror.name)
        return answer

    def _hand(self, number: int, piece: bytes) -> None:
        with self._changed:
            if self._stopped:
                raise Interrupted("stopped")
            self._slices[number].pieces.append(piece)
            self._changed.notify_all()
