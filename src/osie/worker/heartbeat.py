"""Tells the server that a run is looked after, and ends it where the server wants no more of it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from osie.worker.action import Action, Outcome, Telemetry, Unreachable
from osie.worker.log import tell

EVERY_S = 10.0


class Unwanted(Exception):
    """The server said that the run is over: nobody waits for its report. Its text says why."""


async def until_unwanted(
    work: Coroutine[Any, Any, Outcome], telemetry: Telemetry, action: Action, every_s: float = EVERY_S
) -> Outcome:
    """Await the work, telling every `every_s` seconds that it goes on. Raises Unwanted, and cancels it.

    The server is asked once before the work begins: a run that an earlier worker left may be over by now.
    A server that can't be reached holds nothing up.
    """
    try:
        await _beat(telemetry, action)
    except BaseException:
        work.close()
        raise
    beating = asyncio.create_task(_keep_beating(telemetry, action, every_s))
    working = asyncio.create_task(work)
    try:
        await asyncio.wait({beating, working}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            beating.result()
        return await working
    finally:
        beating.cancel()
        working.cancel()
        await asyncio.wait({beating, working})


async def _keep_beating(telemetry: Telemetry, action: Action, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await _beat(telemetry, action)


async def _beat(telemetry: Telemetry, action: Action) -> None:
    try:
        why = await telemetry.heartbeat(action)
    except Unreachable:
        return
    except Exception as error:  # noqa: BLE001 - a defect of telemetry must not fail the action
        tell("heartbeat_failed", reason=repr(error))
        return
    if why is not None:
        raise Unwanted(why)
