"""Following: rows from the store as they appear, as server-sent events (WHATWG HTML, 9.2)."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from osie.tink.domain.views import Json
from osie.tink.service.notifier import Notifier, wait

_LOOK_S = 2.0  # how soon what another server on the same store wrote is noticed
_KEEPALIVE_S = 15.0  # a comment, so that proxies see the stream live, and we see that its reader is gone
_BATCH = 500


@dataclass(frozen=True)
class Source:
    """What is followed. `fetch(after, limit)` reads rows with ids; `ended` tells that no more will come."""

    topic: str
    fetch: Callable[[int, int], Awaitable[list[Json]]]
    ended: Callable[[], Awaitable[bool]]


async def follow(notifier: Notifier, source: Source, after: int) -> AsyncIterator[str]:
    """The stream's text. Whatever the store has behind the id `after` comes first, and nothing is missed."""
    told = time.monotonic()
    with notifier.listening(source.topic) as bell:
        while not notifier.closed:
            bell.clear()
            # Asked before reading: what was written before the end is then read for certain.
            ended = await source.ended()
            rows = await source.fetch(after, _BATCH)
            for row in rows:
                after = row["id"]
                yield f"id: {after}\ndata: {json.dumps(row)}\n\n"
                told = time.monotonic()
            if len(rows) == _BATCH:
                continue
            if ended:
                return
            if time.monotonic() - told >= _KEEPALIVE_S:
                yield ": still here\n\n"
                told = time.monotonic()
            await wait(bell, _LOOK_S)
