"""A stream of the image at any position, from a given server, once it's sure that it has the same image."""

from collections.abc import Callable
from typing import Protocol

from osie.actions.fetch.answer import Answer, Refused
from osie.actions.fetch.connection import Connection
from osie.actions.fetch.mirror import Mirror, changed
from osie.actions.fetch.paced_socket import Interrupted
from osie.actions.fetch.parallel import SLICE_BYTES, Parallel
from osie.actions.fetch.seen import Changed, Follower, Seen
from osie.actions.fetch.source import CHUNK_BYTES, SourceError

# Where one connection brings that much, more of them only cost processor time. The first slice tells.
FAST_BYTES_PER_S = 200 << 20


class _Stream(Protocol):
    """Bytes under way, from `position` on. Answer and Parallel are such."""

    position: int

    def receive(self) -> bytes: ...
    def surplus(self) -> bool: ...
    def close(self) -> None: ...


class Streams:
    """One stream at a time, and what the streams gave. Methods raise Interrupted or SourceError."""

    def __init__(
        self,
        new_line: Callable[[], Connection],
        tell: Callable[[str], None],
        *,
        connections: int,
        checked: bool,
        fast_bytes_per_s: float,
    ) -> None:
        self._new_line = new_line
        self._tell = tell
        self._connections = connections
        self._checked = checked
        self._fast_bytes_per_s = fast_bytes_per_s
        self._line: Connection | None = None
        self._stream: _Stream | None = None
        self._mirror: Mirror | None = None  # whose the stream is
        self._seen = Seen()
        self._follower = Follower(self._seen, 0)
        self._first: Mirror | None = None  # the one that said how long the image is
        self.total: int | None = None
        self.ends_clearly = True
        self.seekable = False

    def receive(self, mirror: Mirror, position: int) -> bytes:
        """What follows at the position: at most CHUNK_BYTES; nothing at the proper end."""
        self.reach(mirror, position)
        stream = self._stream
        assert stream is not None  # noqa: S101 - `reach` made it
        piece = stream.receive()
        if position == 0:
            mirror.check_label(piece)
        self._follow(mirror, piece)
        if not piece and self.total is not None and position < self.total:
            raise Interrupted("the connection ended")
        ended = stream.position == self.total and not self._checked  # a digest knows better where the end is
        if self.total is not None and (stream.position > self.total or (ended and stream.surplus())):
            raise SourceError(
                f"{mirror.name}: the server sends more than the {self.total} bytes it announced"
            )
        return piece

    def reach(self, mirror: Mirror, position: int) -> bool:
        """Have a stream there, of the image that was handed on so far. Returns whether it is a new one."""
        if self._stream is not None and self._mirror is mirror and self._stream.position == position:
            self._continue(mirror, self._stream, position)
            return False
        self.drop()
        if not (self._checked or mirror.proven):
            self._prove(mirror)
        if self._stream is None or self._stream.position != position:
            self.drop()
            self._begin(mirror, position)
        mirror.proven = True
        return True

    def drop(self) -> None:
        """Give up the stream there is."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        if isinstance(stream, Parallel):  # one of its threads may still be at work on the line
            self._line = None

    def _prove(self, mirror: Mirror) -> None:
        """See that the server has the bytes that were handed on; the stream is behind them then."""
        if self._seen.gap:
            raise SourceError(f"{mirror.name}: nothing can prove that it has the same image; a digest would")
        if self._seen.covered:
            self._tell(
                f"{mirror.name}: comparing its first {self._seen.covered} bytes with what was had already"
            )
            self._single(mirror, None)
            self._read_over(mirror, self._seen.covered)

    def _continue(self, mirror: Mirror, stream: _Stream, position: int) -> None:
        """Where the server sent a part only, as it was asked for or by itself, ask for what follows."""
        if not isinstance(stream, Answer) or position != stream.end or self.total in (None, position):
            return
        total = self.total or 0
        stream.close()
        if (
            mirror.wide
            and self._connections > 1
            and stream.waited_s * self._fast_bytes_per_s > stream.end - stream.start
        ):
            self._stream = Parallel(
                mirror,
                self._own_line(),
                range(position, total),
                self._new_line,
                connections=self._connections,
            )
        else:
            self._single(mirror, position)
            self._read_over(mirror, position)

    def _begin(self, mirror: Mirror, position: int) -> None:
        provable = self._checked or mirror.version is None or bool(mirror.version.validator)
        if provable and self._connections > 1 and mirror.wide and self._slice(mirror, position):
            return
        if self._stream is None:
            self._single(mirror, position if position and provable else None)
        if position and self._position() == 0:
            self._tell(f"the server can't resume: reading over the first {position} bytes again")
        self._read_over(mirror, position)

    def _single(self, mirror: Mirror, start: int | None) -> None:
        self._take(mirror, mirror.ask(self._own_line(), start))

    def _slice(self, mirror: Mirror, position: int) -> bool:
        """Ask for a first slice. False where one connection has to do; its stream may be there already."""
        try:
            answer = mirror.ask(self._own_line(), position, position + SLICE_BYTES)
        except Refused as error:
            if error.status != 416 or position:  # nothing is there at 0: an empty image, for one
                raise
            return False
        total, sure = answer.version.total, self._checked or bool(answer.version.validator)
        if answer.partial and (total is None or not sure):
            answer.close()
            return False
        self._take(mirror, answer)
        return answer.partial

    def _take(self, mirror: Mirror, answer: Answer) -> None:
        """Make an answer the stream, if it is of the image that was begun."""
        self._stream, self._mirror = answer, mirror
        if self._first is None:
            self._first = mirror
            self.total, self.ends_clearly = answer.version.total, answer.ends_clearly
            self.seekable = answer.ranges and (self._checked or bool(answer.version.validator))
        if None not in (self.total, answer.version.total) and self.total != answer.version.total:
            raise SourceError(
                f"{mirror.name}: has {answer.version.total} bytes, and {self._first.name} {self.total}"
            )
        if self.ends_clearly and not answer.ends_clearly:
            raise SourceError(f"{mirror.name}: names no length, as {self._first.name} did")
        self._follower = Follower(self._seen, answer.position)

    def _read_over(self, mirror: Mirror, to: int) -> None:
        stream = self._stream
        while isinstance(stream, Answer) and stream.position < to:
            piece = stream.receive(min(CHUNK_BYTES, to - stream.position))
            if not piece:
                raise changed(mirror.name)
            self._follow(mirror, piece)

    def _follow(self, mirror: Mirror, piece: bytes) -> None:
        try:
            self._follower.take(piece)
        except Changed:
            raise changed(mirror.name) from None

    def _position(self) -> int:
        return self._stream.position if self._stream is not None else 0

    def _own_line(self) -> Connection:
        if self._line is None:
            self._line = self._new_line()
        return self._line
