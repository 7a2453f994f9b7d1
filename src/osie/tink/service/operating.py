"""Use cases of the operator on workflows there are: cancel, retry, run again."""

from collections.abc import Callable

from osie.tink.domain import states_operator
from osie.tink.domain.errors import MissingError
from osie.tink.domain.resources import Ref
from osie.tink.domain.steps import Step
from osie.tink.domain.workflow import Workflow
from osie.tink.service.advancing import Advancing

_WHO_CHARACTERS = 253
_WHY_CHARACTERS = 2_000


class Operating:
    """`who` is the operator's name, or "". Each raises MissingError and ConflictError."""

    def __init__(self, workflows: Advancing) -> None:
        self._workflows = workflows

    async def cancel(self, ref: Ref, *, who: str = "", why: str = "") -> None:
        """End the workflow now, as FAILED, with what it runs."""
        name, reason = _operator(who), _clean(why, _WHY_CHARACTERS)
        await self._do(ref, lambda workflow, at: states_operator.cancel(workflow, at, who=name, why=reason))

    async def retry(self, ref: Ref, *, who: str = "", action: str = "") -> None:
        """Go on with a workflow that failed or timed out, from that action or the named earlier one."""
        name = _operator(who)
        await self._do(ref, lambda workflow, at: states_operator.retry(workflow, at, who=name, action=action))

    async def run_again(self, ref: Ref, *, who: str = "") -> None:
        """Begin an ended workflow from its first action, as it was rendered."""
        name = _operator(who)
        await self._do(ref, lambda workflow, at: states_operator.run_again(workflow, at, who=name))

    async def _do(self, ref: Ref, event: Callable[[Workflow, float], Step]) -> None:
        if await self._workflows.advance(ref.namespace, ref.name, event) is None:
            raise MissingError(f"there is no {ref}")


def _operator(who: str) -> str:
    return states_operator.operator(_clean(who, _WHO_CHARACTERS))


def _clean(text: str, most: int) -> str:
    return " ".join(text.replace("\0", " ").split())[:most]
