"""Which generation of the protocol the server speaks: found out by asking."""

from collections.abc import Callable

from osie.contracts import tink_pb2
from osie.worker.action import OLDER, Action, Report, Sink, Source
from osie.worker.log import tell
from osie.worker.transport.grpc import GrpcSink, GrpcSource, Unspoken
from osie.worker.transport.link import Link


class Generations:
    """Source and sink of a server of either generation."""

    def __init__(
        self,
        link: Link,
        agent_id: str,
        attributes: Callable[[], tink_pb2.AgentAttributes],
        boot_id: str = "",
    ) -> None:
        self._link = link
        self._agent_id = agent_id
        self._boot_id = boot_id
        self._sink = GrpcSink(link)
        self._current: Source = GrpcSource(link, agent_id, attributes, boot_id)
        self._older: tuple[Source, Sink] | None = None
        self._ask_older = False

    async def next(self) -> Action | None:
        """The action to run now, or None: there is no work yet."""
        try:
            return await (self._of_older()[0] if self._ask_older else self._current).next()
        except Unspoken:
            self._ask_older = not self._ask_older
            tell("generation", speaks="worker, tink to v0.12" if self._ask_older else "agent")
            raise

    async def write(self, report: Report) -> None:
        """Return once the server has taken it, in the words of the generation that handed the action out."""
        older = report.run.action.action_id.startswith(OLDER)
        await (self._of_older()[1] if older else self._sink).write(report)

    def _of_older(self) -> tuple[Source, Sink]:
        if self._older is None:
            from osie.worker.transport.older import (  # noqa: PLC0415 - few servers need it
                OlderSink,
                OlderSource,
            )

            source = OlderSource(self._link, self._agent_id, self._boot_id)
            self._older = source, OlderSink(self._link)
        return self._older
