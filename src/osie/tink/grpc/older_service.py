"""The tink server's service as its workers up to v0.12 speak it: served on a port of its own.

Such a worker takes a list of actions and works through it without asking again, so the list is only ever
the one action whose turn it is: retries, conditions, hooks, a cancellation between two actions then hold for
it, too. It repeats a report until it is taken, and does nothing else meanwhile; so one that is late is taken.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import structlog
from google.protobuf.message import Message

from osie.contracts import tink_older_pb2 as older
from osie.tink.domain.steps import OutOfTurnError, UnknownActionError
from osie.tink.domain.workflow import ActionState, Turn, Workflow, current
from osie.tink.grpc.calls import FOREVER_S, agent_of, listening, stream, unary
from osie.tink.service.dispatch import Dispatch, NoWorkError

_log = structlog.get_logger("osie.tink.grpc.older_service")

_STATES = {
    older.STATE_RUNNING: ActionState.RUNNING,
    older.STATE_FAILED: ActionState.FAILED,
    older.STATE_TIMEOUT: ActionState.TIMEOUT,
    older.STATE_SUCCESS: ActionState.SUCCESS,
}
_REMEMBERED = 10_000


class OlderServices:
    """Messages in, messages out; what they mean is Dispatch's."""

    def __init__(self, agents: Dispatch) -> None:
        self._agents = agents
        # The second question names the workflow only. Losing this costs the worker one round of questions.
        self._offered: dict[str, tuple[str, Turn]] = {}

    async def get_workflow_contexts(self, request: older.WorkflowContextRequest) -> list[Message]:
        """proto.WorkflowService/GetWorkflowContexts: where the worker's workflow stands, on its turn."""
        try:
            agent = agent_of(request.worker_id, "worker_id")
            workflow, turn = await self._agents.get_action(agent, boot_id=request.boot_id)
        except (NoWorkError, OutOfTurnError):
            return []
        name = f"{workflow.namespace}/{workflow.name}"
        if len(self._offered) >= _REMEMBERED:
            self._offered.clear()
        self._offered[name] = (request.worker_id, turn)
        running = turn.action.state is ActionState.RUNNING
        return [
            older.WorkflowContext(
                workflow_id=name,
                current_worker=request.worker_id,
                current_task=turn.task.name,
                current_action=turn.action.name,
                current_action_index=0,
                current_action_state=older.STATE_RUNNING if running else older.STATE_PENDING,
                total_number_of_actions=1,
            )
        ]

    async def get_workflow_actions(self, request: older.WorkflowActionsRequest) -> Message:
        """proto.WorkflowService/GetWorkflowActions: the action that GetWorkflowContexts told of."""
        if request.workflow_id not in self._offered:
            raise OutOfTurnError(f"workflow {request.workflow_id}: ask for its context first")
        worker_id, turn = self._offered[request.workflow_id]
        action = turn.action
        return older.WorkflowActionList(
            action_list=[
                older.WorkflowAction(
                    task_name=turn.task.name,
                    name=action.name,
                    image=action.image,
                    timeout=action.timeout_s or FOREVER_S,
                    command=action.command,
                    worker_id=worker_id,
                    volumes=action.volumes,
                    environment=action.environment,
                    pid=action.pid_namespace or action.pid,
                )
            ]
        )

    async def report_action_status(self, request: older.WorkflowActionStatus) -> Message:
        """proto.WorkflowService/ReportActionStatus."""
        state = _STATES.get(request.action_status)
        if state is None:
            raise ValueError(f"action_status {request.action_status} says nothing")
        agent = agent_of(request.worker_id, "worker_id")
        action_id = await self._meant(request, state)
        if action_id:
            await self._agents.report(
                request.workflow_id,
                agent,
                action_id,
                state,
                message=request.message,
                duration="" if state is ActionState.RUNNING else f"{request.seconds}s",
            )
        return older.Empty()

    async def _meant(self, request: older.WorkflowActionStatus, state: ActionState) -> str:
        """The id of the run that is reported on by name; "": one that is over, or gone with its workflow."""
        try:
            workflow = await self._agents.workflow(request.workflow_id)
        except UnknownActionError:
            workflow = None
        turn = None if workflow is None else _open(workflow, request, state)
        if turn is None:
            _log.info("late report", workflow=request.workflow_id, action=request.action_name, state=state)
            return ""
        return turn.action.id


def _open(workflow: Workflow, request: older.WorkflowActionStatus, state: ActionState) -> Turn | None:
    turn = None if workflow.ended else current(workflow)
    if turn is None or (turn.task.name, turn.action.name) != (request.task_name, request.action_name):
        return None
    # Names are those of every attempt. The end of one that is not under way was told before.
    began = turn.action.state is ActionState.RUNNING
    return turn if began or state is ActionState.RUNNING else None


@asynccontextmanager
async def serve(agents: Dispatch, listen: str) -> AsyncIterator[int]:
    """Serve on `listen` ("HOST:PORT"; port 0: any) within the block; yields the port. Raises OsieError."""
    services, limiter = OlderServices(agents), agents.limiter
    calls = {
        "GetWorkflowContexts": stream(limiter, services.get_workflow_contexts, older.WorkflowContextRequest),
        "GetWorkflowActions": unary(limiter, services.get_workflow_actions, older.WorkflowActionsRequest),
        "ReportActionStatus": unary(limiter, services.report_action_status, older.WorkflowActionStatus),
    }
    handlers = (grpc.method_handlers_generic_handler("proto.WorkflowService", calls),)
    async with listening(handlers, listen) as port:
        yield port
