"""A machine's serial console: lines with the time they came, kept, written to a file, and awaited."""

import asyncio
import codecs
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from osie.core.errors import OsieError
from osie.lab.history import History

# ECMA-48 control sequences, and the two-byte escapes that firmware and GRUB write.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_c]|\][^\x07]*\x07)")
_CURSOR = re.compile(r"\x1b\[\d+;\d+H")  # moves to another place of the screen: for us, to another line
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST = 4096  # characters: a line that never ends is cut here


@dataclass(frozen=True)
class Line:
    """A line of the console, without control characters."""

    at: float  # unix seconds
    text: str


class ConsoleError(OsieError):
    """What was awaited did not come."""


class LineParser:
    """Bytes to lines. Pure: the time comes with the bytes."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._open = ""

    @property
    def unfinished(self) -> str:
        """The line that has no end yet, such as a prompt."""
        return clean(self._open)

    def feed(self, data: bytes, at: float) -> list[Line]:
        """The lines that these bytes complete; empty ones are left out."""
        text = self._open + self._decoder.decode(data)
        *whole, self._open = re.split(r"\r*\n", _CURSOR.sub("\n", text))
        if len(self._open) > _LONGEST:
            whole.append(self._open)
            self._open = ""
        return [Line(at, cleaned) for line in whole if (cleaned := clean(line).rstrip())]


def clean(text: str) -> str:
    """Text without escape sequences and control characters; what a carriage return overwrote is gone."""
    return _CONTROL.sub("", _ESCAPE.sub("", text).rstrip("\r").rpartition("\r")[2])


class Console:
    """All that a machine ever wrote to its serial port, over power cycles."""

    def __init__(self, log: Path, *, alarm: Callable[[Line], None] = lambda _: None) -> None:
        """`log` gets each line after its unix time; `alarm` sees each line first."""
        self.history: History[Line] = History()
        self._parser = LineParser()
        self._log_path = log
        self._log: IO[str] | None = None
        self._alarm = alarm

    @property
    def lines(self) -> list[Line]:
        """All lines so far."""
        return self.history.items

    def feed(self, data: bytes, at: float) -> None:
        """Take what the machine wrote."""
        for line in self._parser.feed(data, at):
            self._write(line)
            self._alarm(line)
            self.history.add(line)
        self.history.notify()  # of the unfinished line

    def close(self) -> None:
        """Close the file."""
        if self._log:
            self._log.close()
            self._log = None

    def follow(self) -> AsyncIterator[Line]:
        """Every line from the first, as they come."""
        return self.history.follow()

    async def wait_for(self, pattern: str, timeout_s: float, *, since: float = 0.0) -> Line:
        """The first line not older than `since` in which the pattern is found; unfinished lines count.

        Raises ConsoleError when it doesn't come in time, and what befell the machine where it can't come.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._first(re.compile(pattern), since)
        except TimeoutError as error:
            last = self.lines[-1].text if self.lines else "nothing at all"
            raise ConsoleError(
                f"the console did not show {pattern!r} within {timeout_s:g} s; its last line: {last}",
                hint=f"the whole console is in {self._log_path}",
            ) from error

    async def _first(self, wanted: re.Pattern[str], since: float) -> Line:
        seen = 0
        while True:
            for line in self.lines[seen:]:
                if line.at >= since and wanted.search(line.text):
                    return line
            seen = len(self.lines)
            if wanted.search(self._parser.unfinished):
                return Line(time.time(), self._parser.unfinished)
            await self.history.changed()

    def _write(self, line: Line) -> None:
        if self._log is None:
            self._log_path.parent.mkdir(parents=True, exist_ok=True)
            self._log = self._log_path.open("a", buffering=1)
        self._log.write(f"{line.at:.3f} {line.text}\n")
