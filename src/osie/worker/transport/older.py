"""A tink server up to v0.12: the older generation of the protocol, over the same connection.

Runs have no ids there, only names; ours are made of them, and say that the run is such a server's, for
whoever reports on it later. `on_failure` and `on_timeout` are not run: in that generation they were the
worker's own doing, which nobody was told of.
"""

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from osie.contracts import tink_older_pb2 as older
from osie.worker.action import OLDER, Action, Refused, Report, State, Unreachable
from osie.worker.transport.grpc import timestamp, unanswered
from osie.worker.transport.link import Link, said

_SERVICE = "/proto.WorkflowService"
_OVER = {older.STATE_FAILED, older.STATE_TIMEOUT}


def turn(context: older.WorkflowContext, actions: older.WorkflowActionList, worker_id: str) -> Action | None:
    """What the worker shall run now, if it is its turn in this workflow."""
    index = context.current_action_index
    if context.current_action_state in _OVER:
        return None
    if context.current_action and context.current_action_state == older.STATE_SUCCESS:
        index += 1
    if index >= len(actions.action_list) or actions.action_list[index].worker_id != worker_id:
        return None
    told = actions.action_list[index]
    return Action(
        workflow_id=context.workflow_id,
        task_id=told.task_name,
        agent_id=worker_id,
        action_id=f"{OLDER}{context.workflow_id}/{index}/{told.name}",
        name=told.name,
        image=told.image,
        timeout_s=max(0, told.timeout),
        command=tuple(told.command),
        volumes=tuple(told.volumes),
        environment=tuple(told.environment),
        pid=told.pid,
    )


class OlderSource:
    """Asks the server for actions. `boot_id`: of the machine's start; "": it is not told."""

    def __init__(self, link: Link, agent_id: str, boot_id: str) -> None:
        self._link = link
        self._agent_id = agent_id
        self._boot_id = boot_id

    async def next(self) -> Action | None:
        """The action to run now, or None: there is no work yet."""
        try:
            asked = older.WorkflowContextRequest(worker_id=self._agent_id, boot_id=self._boot_id)
            path = f"{_SERVICE}/GetWorkflowContexts"
            for context in await self._link.collect(path, asked, older.WorkflowContext):
                wanted = older.WorkflowActionsRequest(workflow_id=context.workflow_id)
                path = f"{_SERVICE}/GetWorkflowActions"
                actions = await self._link.call(path, wanted, older.WorkflowActionList)
                action = turn(context, actions, self._agent_id)
                if action is not None:
                    return action
        except GRPCError as error:
            raise unanswered(error) from error
        return None


def status_request(report: Report) -> older.WorkflowActionStatus:
    """A report as the wire has it."""
    action, started_at = report.run.action, report.run.started_at
    return older.WorkflowActionStatus(
        workflow_id=action.workflow_id,
        task_name=action.task_id,
        action_name=action.name,
        action_status=f"STATE_{report.state.name}",
        seconds=0 if report.finished_at is None else max(0, round(report.finished_at - started_at)),
        message=report.message,
        created_at=timestamp(started_at),
        worker_id=action.agent_id,
    )


class OlderSink:
    """Tells the server what became of an action."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def write(self, report: Report) -> None:
        """Return once the server has taken it."""
        path = f"{_SERVICE}/ReportActionStatus"
        try:
            await self._link.call(path, status_request(report), older.Empty)
        except GRPCError as error:
            # It says so of an end that it was told of before, and of what isn't the current action.
            refused = error.status is Status.INVALID_ARGUMENT and report.state is not State.RUNNING
            raise (Refused if refused else Unreachable)(said(error)) from error
