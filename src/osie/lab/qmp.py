"""QEMU's monitor protocol (QMP), by QEMU's own library: commands out, answers and events in."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from qemu.qmp import ExecuteError, QMPClient, QMPError

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

    def __init__(self, client: QMPClient, on_event: Callable[[Event], None]) -> None:
        self._client = client
        self._listener = asyncio.create_task(_listen(client, on_event), name="qmp events")

    @classmethod
    async def open(cls, connected: socket.socket, on_event: Callable[[Event], None]) -> Self:
        """Take over a socket whose other end QEMU has, and negotiate. Raises MonitorError."""
        monitor = cls(QMPClient(), on_event)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await monitor._client.connect(connected)
        except (QMPError, OSError, EOFError, TimeoutError) as error:
            await monitor.close()
            raise MonitorError("QEMU did not answer at its start") from error
        except BaseException:
            await monitor.close()
            raise
        return monitor

    async def execute(self, command: str, **arguments: object) -> Any:
        """Have a command done; return what QEMU answers. Raises MonitorError."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await self._client.execute(command, arguments)
        except ExecuteError as error:
            raise MonitorError(f"QEMU refused {command}: {error}") from error
        except TimeoutError as error:
            raise MonitorError(f"QEMU did not answer {command} within {_ANSWER_S:g} s") from error
        except (QMPError, OSError, EOFError) as error:
            raise MonitorError(f"QEMU ended before it answered {command}") from error

    async def close(self) -> None:
        """Leave the conversation."""
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        with suppress(QMPError, OSError, EOFError):  # that QEMU hung up is no news
            await self._client.disconnect()


async def _listen(client: QMPClient, on_event: Callable[[Event], None]) -> None:
    async for message in client.events:
        if event := event_of(dict(message)):
            on_event(event)
