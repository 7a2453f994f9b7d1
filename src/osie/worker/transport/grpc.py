"""The tink server over gRPC: actions in, statuses and telemetry out, on one connection.

The protocol: proto/osie/contracts/tink.proto and telemetry.proto; docs/reference/worker.md says which status
means what.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from osie.contracts import telemetry_pb2, tink_pb2
from osie.contracts.action_events import Progress
from osie.worker.action import Action, LogLine, Refused, Report, Unreachable
from osie.worker.log import tell
from osie.worker.transport.link import Link, said

_TELEMETRY_S = 5.0
_NO_WORK = {Status.NOT_FOUND, Status.FAILED_PRECONDITION}
_REFUSALS = {Status.NOT_FOUND, Status.PERMISSION_DENIED, Status.INVALID_ARGUMENT, Status.FAILED_PRECONDITION}

_Reply = TypeVar("_Reply", bound=Message)


class Unspoken(Unreachable):
    """The server doesn't speak this generation of the protocol."""


def unanswered(error: GRPCError) -> Unreachable:
    """What the failure of a question means: the server speaks another generation, or can't answer now."""
    return (Unspoken if error.status is Status.UNIMPLEMENTED else Unreachable)(said(error))


def action_of(told: tink_pb2.ActionResponse, agent_id: str) -> Action:
    """The action that the server's answer is."""
    return Action(
        workflow_id=told.workflow_id,
        task_id=told.task_id,
        agent_id=told.agent_id or agent_id,
        action_id=told.action_id,
        name=told.name,
        image=told.image,
        timeout_s=max(0, told.timeout),
        command=tuple(told.command),
        volumes=tuple(told.volumes),
        environment=tuple(told.environment),
        network=told.namespaces.network,
        pid=told.namespaces.pid or told.pid,  # upstream: the latter is the deprecated one
    )


class GrpcSource:
    """Asks the server for actions. `boot_id`: of the machine's start; "": it is not told."""

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
        self._attributes = attributes
        self._request: tink_pb2.ActionRequest | None = None

    async def next(self) -> Action | None:
        """The action to run now, or None: there is no work yet."""
        if self._request is None:  # what the machine is made of is read once a connection
            self._request = tink_pb2.ActionRequest(
                agent_id=self._agent_id, agent_attributes=self._attributes(), boot_id=self._boot_id
            )
        path = "/proto.WorkflowService/GetAction"
        try:
            told = await self._link.call(path, self._request, tink_pb2.ActionResponse)
        except GRPCError as error:
            if error.status in _NO_WORK:
                return None
            raise unanswered(error) from error
        except Unreachable:
            self._request = None
            raise
        return action_of(told, self._agent_id)


def timestamp(at: float) -> Timestamp:
    """Unix seconds as the wire has them."""
    nanos = round(at * 1e9)
    return Timestamp(seconds=nanos // 10**9, nanos=nanos % 10**9)


def status_request(report: Report) -> tink_pb2.ActionStatusRequest:
    """A report as the wire has it."""
    action, started_at = report.run.action, report.run.started_at
    request = tink_pb2.ActionStatusRequest(
        workflow_id=action.workflow_id,
        agent_id=action.agent_id,
        task_id=action.task_id,
        action_id=action.action_id,
        action_name=action.name,
        action_state=f"ACTION_STATE_{report.state.name}",
        execution_start=timestamp(started_at),
        message=tink_pb2.ActionMessage(message=report.message),
    )
    if report.finished_at is not None:
        finished_at = max(started_at, report.finished_at)  # the clock may have been set back meanwhile
        request.execution_stop.CopyFrom(timestamp(finished_at))
        request.execution_duration = f"{finished_at - started_at:.3f}s"  # Go's duration format
    return request


class GrpcSink:
    """Tells the server what became of an action."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def write(self, report: Report) -> None:
        """Return once the server has taken it."""
        path = "/proto.WorkflowService/ReportActionStatus"
        try:
            await self._link.call(path, status_request(report), tink_pb2.ActionStatusResponse)
        except GRPCError as error:
            raise (Refused if _for_good(error) else Unreachable)(said(error)) from error


def _for_good(error: GRPCError) -> bool:
    """Whether the server will never take it. Upstream's says INTERNAL of a workflow that was deleted."""
    gone = error.status is Status.INTERNAL and (error.message or "").endswith(" not found")
    return gone or error.status in _REFUSALS


class GrpcTelemetry:
    """Passes on what happens while an action runs; what a server says that it doesn't know is sent once."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._unimplemented: set[str] = set()

    async def heartbeat(self, action: Action) -> str | None:
        """Tell that the action is looked after."""
        request = telemetry_pb2.HeartbeatRequest(action=_reference(action))
        told = await self._send("Heartbeat", request, telemetry_pb2.HeartbeatReply)
        return (told.why or "no reason given") if told is not None and told.stop else None

    async def progress(self, action: Action, progress: Progress) -> None:
        """Tell where a phase of the action stands."""
        await self._send(
            "ReportProgress",
            telemetry_pb2.ProgressReport(
                action=_reference(action),
                phase=progress.phase,
                done=progress.done,
                total=progress.total,
                unit=progress.unit,
                rate_per_s=progress.rate_per_s,
                eta_s=progress.eta_s,
            ),
            telemetry_pb2.TelemetryReply,
        )

    async def logs(self, action: Action, lines: Sequence[LogLine]) -> None:
        """Tell what the action printed."""
        told = [
            telemetry_pb2.LogLine(
                sequence=line.sequence, at_unix_s=line.at, stream=line.stream, text=line.text
            )
            for line in lines
        ]
        request = telemetry_pb2.LogReport(action=_reference(action), lines=told)
        await self._send("ReportLogs", request, telemetry_pb2.TelemetryReply)

    async def _send(self, name: str, request: Message, reply: type[_Reply]) -> _Reply | None:
        if name in self._unimplemented:
            return None
        try:
            return await self._link.call(f"/osie.v1.Telemetry/{name}", request, reply, _TELEMETRY_S)
        except GRPCError as error:
            if error.status is Status.UNIMPLEMENTED:
                if not self._unimplemented:
                    tell("telemetry_off", reason=f"the server doesn't know osie.v1.Telemetry/{name}")
                self._unimplemented.add(name)
            elif error.status in _REFUSALS:  # sending it again won't help
                tell("telemetry_refused", call=name, reason=said(error))
            else:
                raise Unreachable(said(error)) from error
            return None


def _reference(action: Action) -> telemetry_pb2.ActionRef:
    return telemetry_pb2.ActionRef(
        workflow_id=action.workflow_id,
        agent_id=action.agent_id,
        task_id=action.task_id,
        action_id=action.action_id,
    )
