"""The values that the worker makes: container requests, verdicts, settings, pauses, messages."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as generate
from hypothesis import strategies as st

from osie.contracts import action_events, telemetry_pb2, tink_pb2
from osie.core.disk_space import DiskSpace
from osie.core.errors import OsieError
from osie.worker import log, settings
from osie.worker.action import Action, Outcome, Report, Run, State
from osie.worker.backoff import Backoff
from osie.worker.runtime import container, oom
from osie.worker.runtime.engine import Container
from osie.worker.runtime.verdict import Tail, judge
from osie.worker.transport.grpc import action_of, status_request

ACTION = Action("ns/w", "t", "a", "id/1", "write", "image:1", timeout_s=60)
RUN = Run(ACTION, 1000.5)
PLENTY = DiskSpace(size=300 << 20, free=200 << 20)


def ended(exit_code: int, *, ran_s: float = 1.25, out_of_memory: bool = False) -> Container:
    """A container that isn't running any more."""
    return Container("c", "exited", exit_code, out_of_memory, 1000.0, 1000.0 + ran_s)


@pytest.mark.parametrize(
    ("told", "pid"),
    [
        ({"pid": "host"}, "host"),
        ({"namespaces": {"pid": "host"}}, "host"),
        ({"pid": "host", "namespaces": {"pid": "container:a", "network": "host"}}, "container:a"),
        ({"pid": "host", "namespaces": {"network": "host"}}, "host"),
    ],
)
def test_the_namespace_s_pid_counts_before_the_older_key(told: dict[str, Any], pid: str) -> None:
    """As upstream's agent reads the answer, and its CRD says: `pid` is what is left of an older format."""
    assert action_of(tink_pb2.ActionResponse(**told), "a").pid == pid


@pytest.mark.parametrize(
    ("given", "state", "first_line"),
    [
        (ended(0), State.SUCCESS, "exit code 0 in 1.2s"),
        (ended(3), State.FAILED, "exit code 3 after 1.2s; last lines:"),
        (ended(137), State.FAILED, "exit code 137 (SIGKILL) after 1.2s; last lines:"),
        (ended(255), State.FAILED, "exit code 255 after 1.2s; last lines:"),
        (
            ended(137, out_of_memory=True),
            State.FAILED,
            "exit code 137 (killed: out of memory) after 1.2s; last lines:",
        ),
        (ended(137, ran_s=61), State.TIMEOUT, "stopped after its timeout of 60 s; last lines:"),
    ],
)
def test_verdicts(given: Container, state: State, first_line: str) -> None:
    """The end of a container says what became of the action, also one that a dead worker had stopped."""
    outcome = judge(given, ran_s=given.ran_s, timeout_s=60, stopped=False, tail=["one", "two"], room=PLENTY)
    assert outcome.state is state
    assert outcome.message.splitlines()[0] == first_line
    assert outcome.finished_at == given.finished_at


def verdict(
    given: Container, tail: list[str], room: DiskSpace = PLENTY, *, timeout_s: int = 0, stopped: bool = False
) -> Outcome:
    """The verdict on a container, with no timeout unless told otherwise."""
    return judge(given, ran_s=given.ran_s, timeout_s=timeout_s, stopped=stopped, tail=tail, room=room)


def test_verdict_without_lines_or_timeout() -> None:
    """No timeout is no timeout however long it takes; silence is told."""
    assert verdict(ended(0, ran_s=1e6), []).state is State.SUCCESS
    assert verdict(ended(1), []).message == "exit code 1 after 1.2s; it printed nothing"
    assert verdict(ended(0), [], timeout_s=1, stopped=True).state is State.TIMEOUT


def test_a_full_storage_is_named() -> None:
    """An action that could not write is told why, where it is the engine's storage that is full."""
    tail = ["OSError: [Errno 28] No space left on device"]
    full = DiskSpace(size=300 << 20, free=1 << 20)
    message = verdict(ended(1), tail, full).message
    assert message.startswith(
        "exit code 1 after 1.2s, the engine's storage, 300 MiB of this machine's memory, is full"
    )
    assert message.endswith(tail[0])
    for said, room in ((tail, PLENTY), (["other"], full)):
        message = verdict(ended(1), said, room).message
        assert message.startswith("exit code 1 after 1.2s; last lines:")


def test_the_kernels_log_tells_of_memory(tmp_path: Path) -> None:
    """A container was killed for memory where the kernel says so of its cgroup; another's is another's."""
    record = (
        "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/docker,"
        "task_memcg=/docker/aaa,task=tail,pid=1,uid=0\n"
    )
    assert oom.tells(record, "aaa")
    assert not oom.tells(record, "bbb")
    assert not oom.tells("6,1,2,-;docker/aaa: port entered\n", "aaa")
    (tmp_path / "log").write_text(record)
    assert oom.killed("aaa", tmp_path / "log")
    assert not oom.killed("bbb", tmp_path / "log")
    assert not oom.killed("aaa", tmp_path / "absent")


def test_tail_is_bounded() -> None:
    """The tail holds 20 lines of bounded length."""
    tail = Tail()
    for n in range(100):
        tail.add(f"{n} " + "x" * 10_000)
    assert len(tail.lines) == 20
    assert tail.lines[-1].startswith("99 ")
    assert max(map(len, tail.lines)) < 520


def test_run_survives_in_the_labels() -> None:
    """What a report needs can be read back from the engine's list of containers."""
    made = container.body(RUN, image="image:1", uptime_s=7.0)
    assert container.read_run({"Id": "c", "Labels": made["Labels"], "Image": "docker.io/image:1"}) == RUN
    assert container.created_uptime_s(made["Labels"]) == 7.0
    with pytest.raises(ValueError, match=r"osie\.workflow"):
        container.read_run({"Id": "c", "Labels": {"osie.action": "x"}, "Image": "i"})


def test_container_of_a_plain_action() -> None:
    """Privileged, the host's network, its own PID namespace, our mounts, and the image's command."""
    made = container.body(RUN, image="image:1", uptime_s=7.0)
    host = made["HostConfig"]
    assert (host["Privileged"], host["NetworkMode"], host["PidMode"]) == (True, "host", "")
    assert host["OomScoreAdj"] == 500
    assert host["Binds"] == ["/dev:/dev", "/worker:/worker", "/run:/run"]
    assert "Cmd" not in made
    assert container.name(ACTION) == "tink-id-1"


def test_an_actions_volume_replaces_ours() -> None:
    """Templates often mount /dev themselves: an engine refuses two mounts on one target."""
    action = Action(
        "w", "t", "a", "i", "n", "x", volumes=("/dev:/dev:ro", "/tmp/w:/worker/", "/a:/b", "/a:/b")
    )
    assert container.binds(action) == ["/run:/run", "/dev:/dev:ro", "/tmp/w:/worker/", "/a:/b"]


def test_backoff() -> None:
    """Pauses double from 0.2 s to 5 s; chance takes up to half of each; a reset makes them short again."""
    backoff = Backoff(chance=lambda: 0.0)
    assert [backoff.next_s() for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    backoff.reset()
    assert backoff.next_s() == 0.2
    assert Backoff(chance=lambda: 1.0).next_s() == 0.1


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("tink:1", ("tink", 1)),
        ("10.0.0.1", ("10.0.0.1", 42113)),
        ("[fd00::1]:7", ("fd00::1", 7)),
        ("[::1]", ("::1", 42113)),
    ],
)
def test_settings(authority: str, expected: tuple[str, int]) -> None:
    """The server's address may be a name, IPv4 or IPv6; its port has a default."""
    given = settings.read(
        {"ID": "m", "TINKERBELL_GRPC_AUTHORITY": authority, "TINKERBELL_INSECURE_TLS": "true"}
    )
    assert (given.host, given.port) == expected
    assert (given.agent_id, given.tls, given.verify) == ("m", False, False)
    assert given.engine_socket == "/var/run/docker.sock"


def test_all_wrong_settings_at_once() -> None:
    """Every error of the environment is told, not just the first."""
    with pytest.raises(OsieError) as caught:
        settings.read({"TINKERBELL_GRPC_AUTHORITY": "host:http", "TINKERBELL_TLS": "perhaps"})
    assert all(
        name in str(caught.value) for name in ("WORKER_ID", "TINKERBELL_GRPC_AUTHORITY", "TINKERBELL_TLS")
    )


def test_report_on_the_wire() -> None:
    """A report has start, end and, as Go writes durations, the time between; a clock set back makes it 0."""
    request = status_request(Report(RUN, State.SUCCESS, "fine", 1002.0))
    assert (request.action_state, request.execution_duration) == (5, "1.500s")
    assert (request.execution_start.seconds, request.execution_start.nanos) == (1000, 500_000_000)
    assert status_request(Report(RUN, State.FAILED, "", 900.0)).execution_duration == "0.000s"
    running = status_request(Report(RUN, State.RUNNING))
    assert not running.HasField("execution_stop")


def test_journal() -> None:
    """An event is one line, whatever its values hold."""
    assert log.render("ended", {"code": 3, "took": 1.0, "why": "a\nb", "none": ""}) == (
        'ended code=3 took=1.000 why="a\\nb" none=""'
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {"phase": JSON, "done": JSON}, optional={"total": JSON, "unit": JSON, "eta_s": JSON}
)


@generate(FIELDS | JSON)
def test_any_progress_is_a_message_or_a_line(fields: object) -> None:
    """Whatever an action marks as progress is sent on or taken for a line; it never breaks the worker."""
    progress = action_events.decode(json.dumps({"osie.progress": fields}))
    if progress is not None:
        told = telemetry_pb2.ProgressReport(phase=progress.phase, done=progress.done, total=progress.total)
        assert telemetry_pb2.ProgressReport.FromString(told.SerializeToString()) == told


def test_deep_progress_is_a_line() -> None:
    """JSON nested deeper than Python reads is an ordinary line."""
    assert action_events.decode('{"osie.progress": ' + "[" * 60_000) is None
