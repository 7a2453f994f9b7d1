"""The worker as a process, on a real engine and a real gRPC wire."""

import re
import signal
from pathlib import Path

import grpc
from engines import BOTH
from scripted_tink import TinkServer

from osie.worker.runtime.engine import Engine

from .conftest import Exited, Scripts, WorkerProcess


@BOTH
async def test_success(
    tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts, tmp_path: Path
) -> None:
    """Command, environment and volumes reach an action; RUNNING is told, then SUCCESS, and it is removed."""
    script = 'echo "$GREETING" > /worker/said; ls /dev/null /run > /dev/null && echo fine'
    tink.actions = [action(script, environment=["GREETING=hello"])]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 2 and len(tink.asked) == 2)
    assert tink.states == ["RUNNING", "SUCCESS"]
    assert (tmp_path / "shared/said").read_text() == "hello\n"
    assert tink.reports[1].message.message.startswith("exit code 0 in ")
    assert tink.reports[1].execution_duration.endswith("s")
    assert tink.reports[1].execution_stop.seconds >= tink.reports[1].execution_start.seconds > 0
    assert tink.asked[0].agent_id == "52:54:00:00:00:01"
    assert tink.asked[0].agent_attributes.cpu.total_threads > 0
    assert await engine.containers("osie.action") == []


@BOTH
async def test_failure_tells_the_last_lines(tink: TinkServer, worker: WorkerProcess, action: Scripts) -> None:
    """A failed action's report has its exit code and its last 20 lines; the next one runs."""
    tink.actions = [action("seq 30 >&2; echo no disk >&2; exit 3", name="bad"), action("true", name="good")]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 4)
    assert tink.states == ["RUNNING", "FAILED", "RUNNING", "SUCCESS"]
    first, *lines = tink.reports[1].message.message.splitlines()
    assert re.fullmatch(r"exit code 3 after \d\.\ds; last lines:", first)
    assert lines == [*(str(n) for n in range(12, 31)), "no disk"]


@BOTH
async def test_timeout(tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts) -> None:
    """An action whose time is over is stopped and reported as TIMEOUT with its last lines."""
    tink.actions = [action("trap 'exit 0' TERM; echo waiting; sleep 600 & wait", timeout=1)]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 2)
    assert tink.states == ["RUNNING", "TIMEOUT"]
    message = tink.reports[1].message.message
    assert message == "stopped after its timeout of 1 s; last lines:\nwaiting"


@BOTH
async def test_what_the_engine_refuses_is_a_failure(
    tink: TinkServer, worker: WorkerProcess, action: Scripts
) -> None:
    """An action that can't be started or whose image can't be had fails with the engine's own words."""
    tink.actions = [
        action("", name="no-program", command=["/no/such/program"]),
        action("", name="no-image", image="127.0.0.1:9/absent@sha256:nonsense"),
    ]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 4)
    assert tink.states == ["RUNNING", "FAILED", "RUNNING", "FAILED"]
    assert "/no/such/program" in tink.reports[1].message.message
    assert "127.0.0.1:9/absent" in tink.reports[3].message.message


async def test_server_gone_and_back(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, exited: Exited
) -> None:
    """A report that finds no server arrives, once, when the server is back."""
    tink.actions = [given := action("echo up; read x < /worker/gate; echo done")]
    await worker.start()
    await tink.until(lambda: tink.lines)
    await tink.stop()
    action.open_gate()
    await exited(given.action_id)
    await tink.start()
    await tink.until(lambda: len(tink.asked) >= 2)
    assert tink.states == ["RUNNING", "SUCCESS"]


async def test_killed_worker_is_succeeded(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, tmp_path: Path
) -> None:
    """A worker is killed in mid-action: the next takes it up, and the action runs once and is told once."""
    tink.actions = [action("echo ran >> /worker/ran; echo one; read x < /worker/gate; echo two; exit 5")]
    await worker.start()
    await tink.until(lambda: tink.lines)
    await worker.end(signal.SIGKILL)
    await worker.start()
    action.open_gate()
    await tink.until(lambda: len(tink.asked) >= 2)
    assert tink.states == ["RUNNING", "FAILED"]
    assert re.fullmatch(r"exit code 5 after \d\.\ds; last lines:\none\ntwo", tink.reports[1].message.message)
    assert (tmp_path / "shared/ran").read_text() == "ran\n"
    assert {(line.sequence, line.text) for line in tink.lines} == {(1, "one"), (2, "two")}
    assert "action_adopted" in worker.printed


async def test_end_while_no_worker_was_there(
    tink: TinkServer, worker: WorkerProcess, action: Scripts, exited: Exited
) -> None:
    """The end of an action that ended while no worker lived is told by the next one, once."""
    tink.actions = [given := action("echo ran; read x < /worker/gate; exit 0")]
    await worker.start()
    await tink.until(lambda: tink.lines)
    await worker.end(signal.SIGKILL)
    action.open_gate()
    await exited(given.action_id)
    await worker.start()
    await tink.until(lambda: len(tink.asked) >= 2)
    assert tink.states == ["RUNNING", "SUCCESS"]


async def test_sigterm_leaves_a_running_action(
    tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts
) -> None:
    """SIGTERM ends the worker cleanly within seconds; its action runs on, and the next tells its end."""
    tink.actions = [given := action("echo up; read x < /worker/gate")]
    await worker.start()
    await tink.until(lambda: tink.lines)
    status, took_s = await worker.end(signal.SIGTERM)
    assert status == 0
    assert took_s < 6
    (found,) = await engine.containers(f"osie.action={given.action_id}")
    assert found["State"] == "running"
    await worker.start()
    action.open_gate()
    await tink.until(lambda: len(tink.reports) == 2)
    assert tink.states == ["RUNNING", "SUCCESS"]


async def test_sigterm_finishes_a_report(
    tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts
) -> None:
    """A final report that is under way when SIGTERM comes is delivered before the worker ends."""
    final = {"open": False}
    tink.refusal = lambda report: (
        None if report.action_state == 2 or final["open"] else grpc.StatusCode.UNAVAILABLE
    )
    tink.actions = [action("true")]
    await worker.start()
    await tink.until(lambda: tink.refused >= 1)
    assert worker.process is not None
    worker.process.send_signal(signal.SIGTERM)
    final["open"] = True
    assert (await worker.end(signal.SIGTERM))[0] == 0
    assert tink.states == ["RUNNING", "SUCCESS"]
    assert await engine.containers("osie.action") == []


async def test_idle_worker_stops_at_once(tink: TinkServer, worker: WorkerProcess) -> None:
    """A worker that waits for work, or for a server that isn't there, ends at once on SIGTERM."""
    await worker.start()
    await tink.until(lambda: tink.asked)
    await tink.stop()
    status, took_s = await worker.end(signal.SIGTERM)
    assert status == 0
    assert took_s < 2


async def test_no_telemetry_service(tink: TinkServer, worker: WorkerProcess, action: Scripts) -> None:
    """A server without our second service is as good as any."""
    await tink.stop()
    tink.has_telemetry = False
    await tink.start()
    tink.actions = [action('echo \'{"osie.progress": {"phase": "p", "done": 1}}\'; echo log')]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 2)
    assert tink.states == ["RUNNING", "SUCCESS"]
    assert worker.printed.count("telemetry_off") == 1


async def test_telemetry(tink: TinkServer, worker: WorkerProcess, action: Scripts) -> None:
    """Lines arrive in order with stream and number; of progress the last arrives; neither is in the other."""
    progress = '{"osie.progress": {"phase": "write", "done": %d, "total": 50}}'
    script = "; ".join(f"echo '{progress % n}'; echo line {n}" for n in range(1, 51))
    tink.actions = [action(script + "; echo oops >&2")]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 2)
    assert (tink.progress[-1].phase, tink.progress[-1].done, tink.progress[-1].total) == ("write", 50, 50)
    assert len(tink.progress) <= 3
    assert sorted(line.sequence for line in tink.lines) == list(range(1, 52))
    out = [line.text for line in tink.lines if line.stream == "stdout"]
    assert out == [f"line {n}" for n in range(1, 51)]
    assert [line.text for line in tink.lines if line.stream == "stderr"] == ["oops"]
    assert all(line.at_unix_s > 1.7e9 for line in tink.lines)


async def test_refused_action_is_dropped(
    tink: TinkServer, worker: WorkerProcess, engine: Engine, action: Scripts
) -> None:
    """An action whose RUNNING the server refuses is never begun, and the next one is asked for."""
    tink.refusal = lambda report: grpc.StatusCode.NOT_FOUND if report.action_name == "gone" else None
    tink.actions = [action("echo no > /worker/ran", name="gone"), action("true", name="here")]
    await worker.start()
    await tink.until(lambda: len(tink.reports) == 2)
    assert [report.action_name for report in tink.reports] == ["here", "here"]
