"""The engine's client against a socket that answers as an engine does."""

import io
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from osie.ramdisk import docker_api
from osie.ramdisk.docker_api import Docker, EngineError


class _Stub(socketserver.ThreadingUnixStreamServer):
    """Answers by path, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        super().__init__(path, _Answer)
        self.answers: dict[str, bytes] = {}
        self.bodies: dict[str, bytes] = {}


class _Answer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Stub)
        target = self.rfile.readline().split()[1].decode()
        length = 0
        while field := self.rfile.readline().strip():
            if field.lower().startswith(b"content-length:"):
                length = int(field.split(b":")[1])
        self.server.bodies[target] = self.rfile.read(length)
        self.wfile.write(self.server.answers.get(target.partition("?")[0], b"HTTP/1.0 404 No\r\n\r\n{}"))


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[_Stub]:
    """A listening stub."""
    with _Stub(str(tmp_path / "docker.sock")) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def docker(stub: _Stub) -> Docker:
    """The client of the stub."""
    return Docker(str(stub.server_address))


def _json(status: str, told: object) -> bytes:
    body = json.dumps(told).encode()
    return f"HTTP/1.0 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_nobody_there(tmp_path: Path) -> None:
    """Without a socket the engine is not up, and calls say so."""
    docker = Docker(str(tmp_path / "none"))
    assert not docker.answers()
    with pytest.raises(EngineError, match="doesn't answer"):
        docker.version()


def test_the_engine_is_up(stub: _Stub, docker: Docker) -> None:
    """/_ping tells."""
    stub.answers["/_ping"] = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK"
    assert docker.answers()


def test_an_answer_that_broke_off(stub: _Stub, docker: Docker) -> None:
    """A short read is an error."""
    stub.answers["/version"] = b'HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n{"Version'
    with pytest.raises(EngineError, match="broke off"):
        docker.version()


def test_the_engines_own_words(stub: _Stub, docker: Docker) -> None:
    """A refusal carries the engine's message and its status."""
    stub.answers["/containers/x/start"] = _json("500 Bad", {"message": "no such device"})
    with pytest.raises(EngineError, match="no such device") as caught:
        docker.start("x")
    assert caught.value.status == 500


def test_absence_is_no_error(docker: Docker) -> None:
    """What isn't there is None or False."""
    assert docker.container("x") is None
    assert not docker.has_image("a/b:c")


def test_an_error_within_a_pulls_progress(stub: _Stub, docker: Docker) -> None:
    """A pull that begins well and then fails is an error, though its status says 200."""
    stub.answers["/images/create"] = b'HTTP/1.0 200 OK\r\n\r\n{"errorDetail":{"message":"no space left"}}\n'
    with pytest.raises(EngineError, match="no space left"):
        docker.pull("host:5000/w")


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("host:5000/w", "fromImage=host%3A5000%2Fw&tag=latest"),
        ("host:5000/w:1", "fromImage=host%3A5000%2Fw&tag=1"),
        ("w@sha256:ab", "fromImage=w%40sha256%3Aab"),
    ],
)
def test_a_pull_names_one_tag(stub: _Stub, docker: Docker, name: str, query: str) -> None:
    """Without a tag the engine would fetch every tag there is."""
    stub.answers["/images/create"] = b"HTTP/1.0 200 OK\r\n\r\n"
    docker.pull(name)
    assert f"/images/create?{query}" in stub.bodies


def test_log_lines(stub: _Stub, docker: Docker) -> None:
    """The engine's frames become lines, also where a line spans frames."""
    frames = b"".join(b"\1\0\0\0" + len(p).to_bytes(4, "big") + p for p in (b"one\ntw", b"o\r\nthree\n"))
    stub.answers["/containers/w/logs"] = b"HTTP/1.0 200 OK\r\n\r\n" + frames
    assert list(docker.log_lines("w", since_unix_s=0)) == ["one", "two", "three"]


def test_a_stream_that_is_no_http() -> None:
    """Garbage is refused, not read."""
    with pytest.raises(EngineError, match="isn't HTTP"):
        docker_api.Head.read(io.BytesIO(b"SSH-2.0\r\n"))
