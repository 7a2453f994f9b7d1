"""A client of the Docker Engine API over its unix socket: just what starting the worker takes.

Reference: https://docs.docker.com/reference/api/engine. Paths carry no version: the engine takes its own.
HTTP/1.0 (RFC 1945): the answer is not chunked and ends with the connection, so that reading it takes a few
lines, and not http.client, whose import (email, ssl) costs a third of our program's start.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any, NamedTuple
from urllib.parse import quote, urlencode

from osie.contracts.docker_engine import error_message, progress_error
from osie.core.errors import OsieError

SOCKET = "/var/run/docker.sock"
_CALL_S = 60.0
_PULL_S = 300.0  # with its unpacking, on a slow, busy machine


class EngineError(OsieError):
    """The engine said no, or nothing. `status` is HTTP's; 0 where there was no answer."""

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Container(NamedTuple):
    """What the engine knows of a container."""

    running: bool
    exit_code: int
    labels: Mapping[str, str]
    environment: tuple[str, ...]
    error: str  # why it could not be started


class Head(NamedTuple):
    """The first part of an answer."""

    status: int
    length: int | None  # of the body in bytes; None: until the connection ends

    @classmethod
    def read(cls, stream: IO[bytes]) -> "Head":
        """Read up to the empty line. Raises EngineError where it isn't HTTP."""
        words = stream.readline(65536).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise EngineError("the container engine's answer isn't HTTP")
        length: int | None = None
        while field := stream.readline(65536).strip():
            name, _, value = field.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return cls(int(words[1]), length)


def request_head(method: str, path: str, *, length: int, headers: Mapping[str, str]) -> bytes:
    """The first part of a request."""
    fields = {"Host": "localhost", "Content-Length": str(length), **headers}
    lines = [f"{method} {path} HTTP/1.0", *(f"{name}: {value}" for name, value in fields.items())]
    return "".join(f"{text}\r\n" for text in [*lines, ""]).encode("latin-1")


def unframed(read: IO[bytes]) -> Iterator[bytes]:
    """The payloads of the engine's log stream; before each, 8 bytes: which stream, 0, 0, 0, size."""
    while len(header := read.read(8)) == 8:
        yield read.read(int.from_bytes(header[4:], "big"))


class Docker:
    """The engine behind one unix socket. Each call has its own connection, so threads may share this."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path

    def answers(self) -> bool:
        """Whether the engine is up."""
        try:
            return self._call("GET", "/_ping", timeout_s=5.0) == b"OK"
        except EngineError:
            return False

    def version(self) -> str:
        """The engine's version."""
        return str(self._json("GET", "/version")["Version"])

    def has_image(self, name: str) -> bool:
        """Whether the engine has the image."""
        return self._json("GET", f"/images/{quote(name)}/json", absent_is_fine=True) is not None

    def pull(self, name: str, auth: str = "") -> None:
        """Fetch an image from its registry."""
        headers = {"X-Registry-Auth": auth} if auth else {}
        repository, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:  # no tag: without one the engine would fetch all of them
            repository, tag = name, "latest"
        query = {"fromImage": name} if "@" in name else {"fromImage": repository, "tag": tag}
        told = self._call("POST", f"/images/create?{urlencode(query)}", headers=headers, timeout_s=_PULL_S)
        self._check_progress(told, f"pulling {name}")

    def container(self, name: str) -> Container | None:
        """The container, None where there is none."""
        told = self._json("GET", f"/containers/{name}/json", absent_is_fine=True)
        if told is None:
            return None
        return Container(
            running=bool(told["State"]["Running"]),
            exit_code=int(told["State"]["ExitCode"]),
            labels=told["Config"]["Labels"] or {},
            environment=tuple(told["Config"]["Env"] or ()),
            error=str(told["State"].get("Error") or ""),
        )

    def create(self, name: str, spec: Mapping[str, Any]) -> None:
        """Create a container."""
        self._json("POST", f"/containers/create?name={quote(name)}", body=spec)

    def start(self, name: str) -> None:
        """Start a container; one that runs already stays as it is."""
        self._call("POST", f"/containers/{name}/start")

    def stop(self, name: str, patience_s: int) -> None:
        """End a container: SIGTERM, then SIGKILL after the patience. One that ended is no error."""
        self._call("POST", f"/containers/{name}/stop?t={patience_s}", timeout_s=patience_s + 10.0)

    def remove(self, name: str) -> None:
        """Remove a container, running or not."""
        self._call("DELETE", f"/containers/{name}?force=true&v=true")

    def running(self) -> list[str]:
        """The IDs of the containers that run."""
        return [str(container["Id"]) for container in self._json("GET", "/containers/json")]

    def states(self) -> dict[str, str]:
        """What became of each container, by name: running, exited, ..."""
        found = self._json("GET", "/containers/json?all=true")
        return {str(one["Names"][0]).lstrip("/"): str(one["State"]) for one in found}

    def log_lines(self, name: str, *, since_unix_s: int) -> Iterator[str]:
        """The container's lines, until it ends."""
        path = f"/containers/{name}/logs?follow=1&stdout=1&stderr=1&since={since_unix_s}"
        with self._exchange("GET", path, timeout_s=None) as (head, stream):
            if head.status >= 400:
                raise EngineError(f"the log of {name}: {error_message(stream.read())}", status=head.status)
            held = b""
            for payload in unframed(stream):
                *whole, held = (held + payload).split(b"\n")
                yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)

    def _check_progress(self, told: bytes, doing: str) -> None:
        for line in told.splitlines():
            with suppress(ValueError):  # no JSON: no word of the engine's
                if why := progress_error(line):
                    raise EngineError(f"{doing}: {why}")

    def _json(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, absent_is_fine: bool = False
    ) -> Any:  # JSON; the callers know what they asked for
        sent = b"" if body is None else json.dumps(body).encode()
        try:
            told = self._call(method, path, body=sent, headers={"Content-Type": "application/json"})
        except EngineError as error:
            if absent_is_fine and error.status == 404:
                return None
            raise
        return json.loads(told) if told.strip() else {}

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = _CALL_S,
    ) -> bytes:
        with self._exchange(method, path, body=body, headers=headers, timeout_s=timeout_s) as (head, stream):
            told = stream.read()
        if head.length is not None and len(told) != head.length and head.status not in {204, 304}:
            raise EngineError(f"the container engine's answer to {method} {path} broke off")
        if head.status >= 400:
            raise EngineError(f"{method} {path}: {error_message(told)}", status=head.status)
        return told

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None,
    ) -> Iterator[tuple[Head, IO[bytes]]]:
        """Send a request, and read its answer's head; the connection ends with the block."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout_s)
                connection.connect(self._path)
                head = request_head(method, path, length=len(body), headers=headers or {})
                # In one piece: an engine that has answered and closed by then refuses even an empty body.
                connection.sendall(head + body)
                with connection.makefile("rb") as stream:
                    yield Head.read(stream), stream
        except OSError as error:
            raise EngineError(f"the container engine doesn't answer {method} {path}") from error
