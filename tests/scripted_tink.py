"""The tink server's side of the wire, scripted: no states, no store, and every call is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import Message

from osie.contracts import telemetry_pb2, tink_pb2

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Calls: TypeAlias = dict[str, tuple[Callable[[Any, Context], Awaitable[Message]], type[Message]]]

DEADLINE_S = 120.0  # for a machine that has other things to do


class TinkServer:
    """The server's side of the wire, scripted: hands out `actions` in order, and keeps what it is told."""

    def __init__(self) -> None:
        self.actions: list[tink_pb2.ActionResponse] = []
        self.asked: list[tink_pb2.ActionRequest] = []
        self.reports: list[tink_pb2.ActionStatusRequest] = []
        self.lines: list[telemetry_pb2.LogLine] = []
        self.progress: list[telemetry_pb2.ProgressReport] = []
        self.refusal: Callable[[tink_pb2.ActionStatusRequest], grpc.StatusCode | None] = lambda _: None
        self.refused = 0
        self.before_report: Callable[[tink_pb2.ActionStatusRequest], Awaitable[bool]] | None = None
        self.hands_out_again = False  # the first action, until the test takes it away
        self.heartbeats: list[telemetry_pb2.HeartbeatRequest] = []
        self.unwanted: dict[str, str] = {}  # why an action's run is over, by the action's ID
        self.has_telemetry = True
        self.port = 0
        self._changed = asyncio.Condition()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen: on any port the first time, on the same one afterwards."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        calls: Calls = {
            "GetAction": (self._get_action, tink_pb2.ActionRequest),
            "ReportActionStatus": (self._report, tink_pb2.ActionStatusRequest),
        }
        _add(server, "proto.WorkflowService", calls)
        if self.has_telemetry:
            told: Calls = {
                "ReportProgress": (self._report_progress, telemetry_pb2.ProgressReport),
                "ReportLogs": (self._report_logs, telemetry_pb2.LogReport),
                "Heartbeat": (self._heartbeat, telemetry_pb2.HeartbeatRequest),
            }
            _add(server, "osie.v1.Telemetry", told)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Be gone, as a killed server is."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds`, or fail."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: bool(holds()))

    @property
    def states(self) -> list[str]:
        """The states reported, in order."""
        names = (tink_pb2.ActionState.Name(report.action_state) for report in self.reports)
        return [name.removeprefix("ACTION_STATE_") for name in names]

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _get_action(self, request: tink_pb2.ActionRequest, context: Context) -> tink_pb2.ActionResponse:
        self.asked.append(request)
        await self._note()
        if not self.actions:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no workflow")
        return self.actions[0] if self.hands_out_again else self.actions.pop(0)

    async def _report(
        self, request: tink_pb2.ActionStatusRequest, context: Context
    ) -> tink_pb2.ActionStatusResponse:
        refusal = self.refusal(request)
        if refusal is not None:
            self.refused += 1
            await self._note()
            await context.abort(refusal, "scripted")
        if self.before_report is not None and not await self.before_report(request):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "scripted")
        self.reports.append(request)
        await self._note()
        return tink_pb2.ActionStatusResponse()

    async def _report_progress(
        self, request: telemetry_pb2.ProgressReport, _context: Context
    ) -> telemetry_pb2.TelemetryReply:
        self.progress.append(request)
        await self._note()
        return telemetry_pb2.TelemetryReply()

    async def _report_logs(
        self, request: telemetry_pb2.LogReport, _context: Context
    ) -> telemetry_pb2.TelemetryReply:
        self.lines.extend(request.lines)
        await self._note()
        return telemetry_pb2.TelemetryReply()

    async def _heartbeat(
        self, request: telemetry_pb2.HeartbeatRequest, _context: Context
    ) -> telemetry_pb2.HeartbeatReply:
        self.heartbeats.append(request)
        await self._note()
        why = self.unwanted.get(request.action.action_id)
        return telemetry_pb2.HeartbeatReply(stop=why is not None, why=why or "")


def _add(server: grpc.aio.Server, service: str, calls: Calls) -> None:
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(call, request.FromString, lambda m: m.SerializeToString())
        for name, (call, request) in calls.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
