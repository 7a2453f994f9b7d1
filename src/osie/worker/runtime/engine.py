"""A client of the Docker Engine API over its unix socket: just the calls that running an action takes.

Podman's Docker-compatible API answers to the same calls. Reference: https://docs.docker.com/reference/api/engine
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from osie.contracts.docker_engine import auth_header, error_message, progress_error
from osie.core.errors import OsieError
from osie.worker.action import LogLine
from osie.worker.runtime import http1, log_stream

_OUR_VERSION = (1, 47)  # the newest that we know; an older engine's own is taken instead
_CALL_S = 60.0  # an engine on a machine that is busy writing a disk is slow, not broken
_PULL_SILENCE_S = 300.0  # an engine that unpacks or verifies a layer is silent meanwhile


class EngineError(OsieError):
    """The engine said no. `status` is HTTP's, 0 for an error told within a progress stream."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class EngineUnreachable(EngineError):
    """The engine doesn't answer: it isn't up, or it died."""


@dataclass(frozen=True)
class Container:
    """What the engine knows of a container."""

    id: str
    status: str  # created, running, paused, restarting, removing, exited or dead
    exit_code: int
    out_of_memory: bool  # some process in it was killed for it, not always the main one
    started_at: float  # unix seconds
    finished_at: float  # unix seconds
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def ran_s(self) -> float:
        """How long it ran, by the clock of the engine."""
        return max(0.0, self.finished_at - self.started_at)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Container":
        """Take the engine's answer to an inspection."""
        state = told["State"]
        return cls(
            id=told["Id"],
            status=state["Status"],
            exit_code=state["ExitCode"],
            out_of_memory=bool(state.get("OOMKilled")),
            started_at=log_stream.unix_s(state["StartedAt"]),
            finished_at=log_stream.unix_s(state["FinishedAt"]),
            labels=(told.get("Config") or {}).get("Labels") or {},
        )


def _log(container: str, query: Mapping[str, str]) -> str:
    every = {"stdout": "true", "stderr": "true", "timestamps": "true", **query}
    return f"/containers/{container}/logs?{urlencode(every)}"


class Engine:
    """The engine behind one unix socket."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._prefix = ""  # "/v1.45", once agreed

    async def version(self) -> str:
        """Agree on the API's version and return it."""
        async with self._call("GET", "/_ping", versioned=False) as response:
            await response.read()
            theirs = response.headers.get("api-version", "")
        try:
            major, minor = (int(part) for part in theirs.split("."))
        except ValueError:
            raise EngineError(f"{self._socket} has no version of the Docker Engine API: {theirs!r}") from None
        agreed = min((major, minor), _OUR_VERSION)
        self._prefix = f"/v{agreed[0]}.{agreed[1]}"
        return self._prefix[2:]

    async def containers(self, label: str) -> list[Mapping[str, Any]]:
        """All containers with the label ("NAME" or "NAME=VALUE"), running or not, newest first."""
        filters = json.dumps({"label": [label]})
        found: list[Mapping[str, Any]] = await self._json(
            "GET", "/containers/json", {"all": "true", "filters": filters}
        )
        return found

    async def create(self, name: str, body: Mapping[str, Any]) -> str:
        """Create a container and return its ID."""
        return str((await self._json("POST", "/containers/create", {"name": name}, body))["Id"])

    async def start(self, container: str) -> None:
        """Start it; one that runs already stays as it is."""
        await self._json("POST", f"/containers/{container}/start")

    async def inspect(self, container: str) -> Container:
        """What the engine knows of it now."""
        return Container.read(await self._json("GET", f"/containers/{container}/json"))

    async def wait(self, container: str) -> None:
        """Return when it isn't running. No deadline: the caller has one."""
        target = f"/containers/{container}/wait?condition=not-running"
        async with self._call("POST", target, timeout_s=None) as response:
            await response.read()

    async def logs(
        self, container: str, *, since_s: int, follow: bool, heard: Callable[[float], None]
    ) -> AsyncGenerator[LogLine, None]:
        """Every line since that unix time; with `follow` until the container ends. See following.Log."""
        query = {"follow": "true" if follow else "false", "since": str(since_s)}
        async with self._call("GET", _log(container, query), timeout_s=None) as response:
            async for line in log_stream.lines(response.body, heard):
                yield line

    async def newest_log_at(self, container: str) -> float | None:
        """The unix time of the newest line, or of its last part; None: there is none."""
        newest: list[float] = []
        async with self._call("GET", _log(container, {"tail": "1"})) as response:
            async for _ in log_stream.lines(response.body, newest.append):
                pass
        return newest[-1] if newest else None

    async def stop(self, container: str, patience_s: int) -> None:
        """End it: SIGTERM, and SIGKILL after `patience_s`. One that ended already is no error."""
        await self._json("POST", f"/containers/{container}/stop", {"t": str(patience_s)})

    async def remove(self, container: str) -> None:
        """Remove it with its anonymous volumes, running or not. Its absence is no error."""
        await self._json(
            "DELETE", f"/containers/{container}", {"v": "true", "force": "true"}, absent_is_fine=True
        )

    async def has_image(self, image: str) -> bool:
        """Whether the engine has the image."""
        return await self._json("GET", f"/images/{quote(image)}/json", absent_is_fine=True) is not None

    async def pull(self, image: str, credentials: Mapping[str, str] | None) -> None:
        """Fetch an image, named with its tag or digest, from its registry."""
        headers = {}
        if credentials is not None:
            headers["X-Registry-Auth"] = auth_header(credentials)
        target = "/images/create?" + urlencode({"fromImage": image})
        async with self._call("POST", target, headers=headers, timeout_s=None) as response:
            await _read_progress(response.body)

    async def remove_image(self, image: str) -> None:
        """Remove an image. The engine keeps one that a container uses, and layers that others share."""
        await self._json("DELETE", f"/images/{quote(image)}", absent_is_fine=True)

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        absent_is_fine: bool = False,
    ) -> Any:
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            async with self._call(method, target, body=body) as response:
                told = await response.read()
        except EngineError as error:
            if absent_is_fine and error.status == 404:
                return None
            raise
        try:
            return json.loads(told) if told.strip() else {}
        except ValueError as error:
            raise EngineError(f"the engine's answer to {method} {path} isn't JSON") from error

    @asynccontextmanager
    async def _call(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        versioned: bool = True,
        timeout_s: float | None = _CALL_S,
    ) -> AsyncIterator[http1.Response]:
        if versioned and not self._prefix:
            await self.version()
        sent = b"" if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        full = (self._prefix if versioned else "") + target
        try:
            async with (
                asyncio.timeout(timeout_s),
                http1.request(
                    self._socket, method, full, headers={**kind, **(headers or {})}, body=sent
                ) as response,
            ):
                if response.status >= 400:
                    raise EngineError(error_message(await response.read()), status=response.status)
                yield response
        except (OSError, TimeoutError, http1.BrokenResponse) as error:
            raise EngineUnreachable(f"the container engine at {self._socket} doesn't answer") from error


async def _read_progress(body: AsyncIterator[bytes]) -> None:
    """Read a pull's progress to its end: JSON objects, one a line. An error comes as one of them."""
    held = b""
    pieces = aiter(body)
    while True:
        async with asyncio.timeout(_PULL_SILENCE_S):
            piece = await anext(pieces, None)
        *whole, held = (held + (piece or b"\n")).split(b"\n")
        for line in whole:
            if line.strip():
                _raise_pull_error(line)
        if piece is None:
            return


def _raise_pull_error(line: bytes) -> None:
    try:
        why = progress_error(line)
    except ValueError as error:
        raise EngineError(f"the engine's progress isn't JSON: {line[:80]!r}") from error
    if why:
        raise EngineError(why)
