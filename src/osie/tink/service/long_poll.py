"""Where agents wait for work: a question for which there is none is answered late, or when that may change.

Upstream's server holds questions, too. A machine that waits asks seldom, and gets its work at once.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, TypeVar

from osie.contracts import tink_pb2
from osie.tink.domain import topics
from osie.tink.domain.steps import OutOfTurnError, TooEarlyError
from osie.tink.service.call_limiter import CallLimiter
from osie.tink.service.dispatch import NoWorkError
from osie.tink.service.notifier import Notifier, wait

_Reply = TypeVar("_Reply")


class LongPoll:
    """Serves questions for actions at a limiter, and holds back the answer that there is nothing to do.

    The answer stays the same when the agent's bell has rung: it asks again. So an action is only ever handed
    to a question that was just asked, and never to a machine that was switched off while it waited.
    """

    def __init__(
        self,
        limiter: CallLimiter,
        notifier: Notifier,
        names: Callable[[str], Awaitable[Collection[str]]],
        hold_s: float,
        chance: Callable[[], float] = random.random,  # from 0 to 1
    ) -> None:
        """Hold for up to `hold_s` seconds, less by up to half by chance: a rack shall not ask in step.

        `names` tells the ids of the agent that asks under one of them: a template may name it by another.
        """
        self._limiter = limiter
        self._notifier = notifier
        self._names = names
        self._hold_s = hold_s
        self._chance = chance

    async def serve(
        self,
        call: Callable[[tink_pb2.ActionRequest], Coroutine[Any, Any, _Reply]],
        request: tink_pb2.ActionRequest,
    ) -> _Reply:
        """What the call answers. Raises what it raises."""
        with self._notifier.listening(topics.agent(request.agent_id)) as bell:

            async def look(asked: tink_pb2.ActionRequest) -> _Reply:
                # In this order: what gives it another name rings under the one that it asks by.
                self._notifier.also(bell, *map(topics.agent, await self._names(asked.agent_id)))
                return await call(asked)

            try:
                return await self._limiter.serve(look, request)
            except TooEarlyError:  # ends by the clock, for which no bell rings
                raise
            except (NoWorkError, OutOfTurnError):
                if not self._notifier.closed:
                    await wait(bell, self._hold_s * (1 - self._chance() / 2))
                raise
