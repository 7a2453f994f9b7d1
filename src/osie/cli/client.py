"""The operator API as the commands use it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from osie.core.errors import OsieError

DEFAULT_SERVER = "http://127.0.0.1:7080"
Json = dict[str, Any]
_APPLY_S = 300.0  # thousands of resources in one batch, on a slow disk


class ApiError(OsieError):
    """The server refused, or can't be reached."""


@contextmanager
def _told(server: str) -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise ApiError(
            f"no Osie server answers at {server}", hint="start `osie serve`, or name another with --server"
        ) from error
    except httpx.HTTPError as error:
        raise ApiError(f"the server at {server} broke off: {error or type(error).__name__}") from error


def _checked(response: httpx.Response) -> Any:
    try:
        body = response.json()
    except ValueError as error:
        raise ApiError(f"{response.request.url} answered {response.status_code}, not JSON") from error
    if response.is_success:
        return body
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        raise ApiError("nothing was applied:" + "".join(f"\n  {where(e)}" for e in body["errors"]))
    detail = body.get("detail", body) if isinstance(body, dict) else body
    raise ApiError(str(detail))


def where(error: Json) -> str:
    """One error of an apply as `file[document] path: message`."""
    place = str(error["file"])
    if error.get("document") is not None:
        place += f", document {error['document']}"
    path = f" {error['path']}:" if error.get("path") else ""
    return f"{place}:{path} {error['message']}"


class Client:
    """A client of one server; async, because following events is."""

    def __init__(self, server: str) -> None:
        self._server = server.rstrip("/")
        self._http = httpx.AsyncClient(base_url=f"{self._server}/api/v1", timeout=httpx.Timeout(15))

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Return the JSON that `path` (below /api/v1) answers. Raises ApiError in a sentence."""
        with _told(self._server):
            response = await self._http.request(method, path, **options)
        return _checked(response)

    async def apply(self, files: list[tuple[str, str]]) -> list[Json]:
        """Apply (name, text) files together: all of it, or nothing and an ApiError with every reason."""
        applied: list[Json] = (await self.apply_told(files))["applied"]
        return applied

    async def apply_told(self, files: list[tuple[str, str]]) -> Json:
        """The same, with the server's warnings."""
        body = {"files": [{"name": name, "text": text} for name, text in files]}
        answer: Json = await self.request("POST", "/apply", json=body, timeout=_APPLY_S)
        return answer

    async def every(self, path: str, wanted: Mapping[str, Any] | None = None) -> list[Json]:
        """All items of a list."""
        return [item async for item in self.items(path, wanted)]

    async def items(self, path: str, wanted: Mapping[str, Any] | None = None) -> AsyncIterator[Json]:
        """The items of a list, page by page."""
        query = dict(wanted or {})
        while True:
            page = await self.request("GET", path, params=query)
            for item in page["items"]:
                yield item
            if not page.get("continue"):
                return
            query["continue"] = page["continue"]

    async def follow(self, path: str, after: int = 0, **parameters: str) -> AsyncIterator[Json]:
        """The events of `path` behind the id `after`, as they happen (SSE: WHATWG HTML 9.2)."""
        query = {**parameters, "follow": "true"}
        headers = {"Last-Event-ID": str(after)}
        with _told(self._server):
            timeout = httpx.Timeout(15, read=None)
            async with self._http.stream(
                "GET", path, params=query, headers=headers, timeout=timeout
            ) as response:
                if not response.is_success:
                    await response.aread()
                    _checked(response)
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line[5:])


def ask(server: str, method: str, path: str, **options: Any) -> Json:
    """What the server answers to this one request. Raises as `Client.request` does."""

    async def work() -> Json:
        async with Client(server) as client:
            answer: Json = await client.request(method, path, **options)
            return answer

    return asyncio.run(work())
