"""Parts decompressed side by side, their pieces in order, in bounded memory.

One thread cuts the stored image into parts; it decompresses itself those that it can't hold. The others are
decompressed by as many threads as are wanted. Two things are bounded: what the parts under way cost, and the
pieces that wait for their turn. The foremost part always may go on, so that nothing can stand still; those
behind it wait when their pieces fill the room.
"""

import itertools
import threading
from collections import deque
from collections.abc import Generator, Iterator

from osie.actions.unpack.parts import Part

COST_BYTES = 36 << 20  # of all parts under way
PART_BYTES = COST_BYTES // 2  # of one; a larger one is streamed
_WAITING_BYTES = 6 << 20  # of pieces
_FOREMOST = 2  # pieces that the foremost part may have waiting in any case


class _Work:
    """A part under way."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.pieces: deque[bytes] = deque()
        self.ended = False
        self.error: BaseException | None = None


class _Crew:
    """The threads, and what they share. All fields are guarded by `_changed`."""

    def __init__(self, parts: Iterator[Part], threads: int) -> None:
        self._changed = threading.Condition()
        self._order: deque[_Work] = deque()  # the foremost first
        self._open: deque[_Work] = deque()  # those that nobody has begun
        self._cost = self._waiting = 0  # bytes
        self._unfinished = 0  # parts
        self._threads = threads
        self._all_cut = self._left = False
        self._error: BaseException | None = None
        self._parts = parts
        jobs = [self._cut, *[self._work] * threads]
        for number, job in enumerate(jobs):
            threading.Thread(target=job, name=f"unpack-{number}", daemon=True).start()

    def leave(self) -> None:
        """Nobody reads any more: each thread ends after the piece that it is at."""
        with self._changed:
            self._left = True
            self._changed.notify_all()

    def parts(self) -> Iterator[Part]:
        """The parts in order; what cutting or decompressing raised is raised in its place."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._order or self._all_cut)
                if not self._order:
                    break
                work = self._order[0]
            yield Part(self._pieces(work), begins=work.part.begins)
            with self._changed:
                self._order.popleft()
                self._changed.notify_all()
        if self._error is not None:
            raise self._error

    def _pieces(self, work: _Work) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: work.pieces or work.ended)
                if not work.pieces:
                    break
                piece = work.pieces.popleft()
                self._waiting -= len(piece)
                self._changed.notify_all()
            yield piece
        if work.error is not None:
            raise work.error

    def _cut(self) -> None:
        error: BaseException | None = None
        try:
            while self._room_for_another() and (part := next(self._parts, None)):
                work = _Work(part)
                with self._changed:
                    self._order.append(work)
                    if not part.streamed:
                        self._cost += part.cost
                        self._unfinished += 1
                        self._open.append(work)
                    self._changed.notify_all()
                if part.streamed:
                    self._do(work)
        except BaseException as raised:  # noqa: BLE001 - handed over to the reader, whatever it is
            error = raised
        with self._changed:
            self._all_cut, self._error = True, error
            self._changed.notify_all()

    def _room_for_another(self) -> bool:
        """Wait until another part is wanted and fits, whatever it costs; False where nobody reads on."""

        def room() -> bool:
            wanted = self._unfinished <= self._threads  # one more than there is somebody to do it
            return self._left or (wanted and self._cost <= COST_BYTES - PART_BYTES)

        with self._changed:
            self._changed.wait_for(room)
            return not self._left

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._left or self._open or self._all_cut)
                if self._left or not self._open:
                    return
                work = self._open.popleft()
            self._do(work)
            with self._changed:
                self._cost -= work.part.cost
                self._unfinished -= 1
                self._changed.notify_all()

    def _do(self, work: _Work) -> None:
        error: BaseException | None = None
        try:
            for piece in work.part.pieces:
                if not self._put(work, piece):
                    break
        except BaseException as raised:  # noqa: BLE001 - handed over to the reader, whatever it is
            error = raised
        with self._changed:
            work.ended, work.error = True, error
            self._changed.notify_all()

    def _put(self, work: _Work, piece: bytes) -> bool:
        """Wait for room; False where nobody reads any more."""

        def room() -> bool:
            if self._left or self._waiting + len(piece) <= _WAITING_BYTES:
                return True
            return work is self._order[0] and len(work.pieces) < _FOREMOST

        with self._changed:
            self._changed.wait_for(room)
            work.pieces.append(piece)
            self._waiting += len(piece)
            self._changed.notify_all()
            return not self._left


def side_by_side(parts: Iterator[Part], threads: int) -> Generator[Part, None, None]:
    """The parts in order, decompressed by so many threads ahead of who reads them.

    Closing this generator ends the threads; the one that cuts ends when the source has brought something.
    """
    for part in parts:
        if not part.streamed:
            break
        yield part  # as long as there is nothing to do side by side, there is no need of threads
    else:
        return
    crew = _Crew(itertools.chain([part], parts), threads)
    try:
        yield from crew.parts()
    finally:
        crew.leave()
