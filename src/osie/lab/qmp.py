"""QEMU's monitor protocol (QMP) over a connected socket: commands out, answers and events in."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from osie.core.errors import OsieError

_ANSWER_S = 20.0


@dataclass(frozen=True)
class Event:
    """What QEMU tells of its own accord: RESET, SHUTDOWN, STOP, POWERDOWN..."""

    at: float  # unix seconds
    name: str
    data: dict[str, Any]

    @property
    def by_guest(self) -> bool:
        """Whether the guest did it, rather than we."""
        return bool(self.data.get("guest"))


class MonitorError(OsieError):
    """QEMU refused a command, or is gone."""


def event_of(message: dict[str, Any]) -> Event | None:
    """The event in a message, if it is one. QEMU's clock is ours, except where it tells none (-1)."""
    if "event" not in message:
        return None
    stamp = message.get("timestamp", {})
    seconds = float(stamp.get("seconds", -1))
    at = seconds + float(stamp.get("microseconds", 0)) / 1e6 if seconds >= 0 else time.time()
    return Event(at, str(message["event"]), dict(message.get("data", {})))


class Monitor:
    """A conversation with one QEMU."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_event: Callable[[Event], None]
    ) -> None:
        self._reader, self._writer, self._on_event = reader, writer, on_event
        self._answers: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()
        self._listener = asyncio.create_task(self._listen(), name="qmp")

    @classmethod
    async def open(cls, connected: socket.socket, on_event: Callable[[Event], None]) -> Self:
        """Take over a socket whose other end QEMU has, and greet."""
        reader, writer = await asyncio.open_unix_connection(sock=connected)
        monitor = cls(reader, writer, on_event)
        try:
            await monitor.execute("qmp_capabilities")
        except BaseException:
            await monitor.close()
            raise
        return monitor

    async def execute(self, command: str, **arguments: object) -> Any:
        """Have a command done; return what QEMU answers."""
        async with self._one_at_a_time:
            self._writer.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
            try:
                async with asyncio.timeout(_ANSWER_S):
                    answer = await self._answers.get()
            except TimeoutError as error:
                raise MonitorError(f"QEMU did not answer {command} within {_ANSWER_S:g} s") from error
        if answer is None:
            raise MonitorError(f"QEMU ended before it answered {command}")
        if "error" in answer:
            raise MonitorError(f"QEMU refused {command}: {answer['error'].get('desc', answer['error'])}")
        return answer["return"]

    async def close(self) -> None:
        """Leave the conversation."""
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self._writer.close()

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                message = json.loads(line)
                if event := event_of(message):
                    self._on_event(event)
                elif "QMP" not in message:  # the greeting
                    self._answers.put_nowait(message)
        except ConnectionError:
            pass  # QEMU was killed: told below
        finally:
            self._answers.put_nowait(None)
