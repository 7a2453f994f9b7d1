"""An engine's log stream as lines: demultiplexed, with their times, and of bounded length.

The format: https://docs.docker.com/reference/api/engine, "Attach to a container", stream format. Each frame
has eight bytes of header (stream, three zeros, length as big-endian 32 bits). With `timestamps`, an engine
puts the time and a blank before every message; a message that is part of a long line has no newline.
"""

import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from osie.core.errors import OsieError
from osie.worker.action import LogLine

LINE_LIMIT = 64 * 1024  # bytes of a line that are kept
CUT_MARK = " [line cut]"

_HEADER = struct.Struct(">B3xI")
_STREAMS = {0: "stdout", 1: "stdout", 2: "stderr"}  # 0 is stdin: it is echoed on stdout
_FRAME_LIMIT = 16 * 1024 * 1024  # engines write messages of 16 KiB; a larger frame is a wrong header


def unix_s(text: str) -> float:
    """The unix time of an RFC 3339 timestamp with any number of decimals. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


@dataclass
class Demultiplexer:
    """Takes the stream in pieces of any size and gives back whole frames."""

    _held: bytearray = field(default_factory=bytearray)

    def feed(self, piece: bytes) -> list[tuple[str, bytes]]:
        """Return the frames that are complete now as (stream, payload)."""
        self._held += piece
        frames = []
        while len(self._held) >= _HEADER.size:
            stream, size = _HEADER.unpack_from(self._held)
            if stream not in _STREAMS or size > _FRAME_LIMIT:
                raise OsieError(f"the engine's log stream is not multiplexed: {bytes(self._held[:8])!r}")
            end = _HEADER.size + size
            if len(self._held) < end:
                break
            frames.append((_STREAMS[stream], bytes(self._held[_HEADER.size : end])))
            del self._held[:end]
        return frames


@dataclass
class _Partial:
    at: float = 0.0
    data: bytearray = field(default_factory=bytearray)
    cut: bool = False


class Lines:
    """Puts the messages of frames together to lines.

    Numbering is a function of the log alone, so that a worker that reads it again gives each line the number
    that it had.
    """

    def __init__(self) -> None:
        self._partial: dict[str, _Partial] = {}
        self._sequence = 0
        self.heard_at = 0.0  # the last message's time

    def feed(self, stream: str, payload: bytes) -> list[LogLine]:
        """Take one message, which begins with its time; return the line that it ends, if it does."""
        stamp, _, rest = payload.partition(b" ")
        try:
            at, message = unix_s(stamp.decode("ascii")), rest
        except ValueError:
            at, message = 0.0, payload  # no time: keep all of it
        self.heard_at = at
        partial = self._partial.setdefault(stream, _Partial())
        if not partial.data:
            partial.at = at
        room = LINE_LIMIT - len(partial.data)
        ended = message.endswith(b"\n")
        message = message.removesuffix(b"\n")
        partial.cut = partial.cut or len(message) > room
        partial.data += message[:room]
        return [self._finish(stream)] if ended else []

    def end(self) -> list[LogLine]:
        """Return what was printed without a newline at the end."""
        return [self._finish(stream) for stream in sorted(self._partial)]

    def _finish(self, stream: str) -> LogLine:
        partial = self._partial.pop(stream)
        text = bytes(partial.data).decode("utf-8", "replace").rstrip("\r")
        text = text.rpartition("\r")[2]  # of a line that was rewritten in place, its last state
        self._sequence += 1
        return LogLine(self._sequence, partial.at, stream, text + (CUT_MARK if partial.cut else ""))


async def lines(
    pieces: AsyncIterator[bytes], heard: Callable[[float], None] = lambda _at: None
) -> AsyncIterator[LogLine]:
    """Read a multiplexed log stream with timestamps line by line; `heard` gets each message's time."""
    demultiplexer, assembled = Demultiplexer(), Lines()
    async for piece in pieces:
        for stream, payload in demultiplexer.feed(piece):
            ended = assembled.feed(stream, payload)
            heard(assembled.heard_at)
            for line in ended:
                yield line
    for line in assembled.end():
        yield line
