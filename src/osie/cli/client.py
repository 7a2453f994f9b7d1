"""The operator API as the commands use it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from osie.core import proxies
from osie.core.errors import OsieError

DEFAULT_SERVER = "http://127.0.0.1:7080"
Json = dict[str, Any]
_APPLY_S = 300.0  # thousands of resources in one batch, on a slow disk


_SILENCE_S = 60.0  # of a stream: the server says every 15 s that it is still there
_Past = dict[str, httpx.AsyncBaseTransport | None]  # whose value None is: without a proxy
_AWAY = {502, 503, 504}  # 503 is the server's own, the others a proxy's before it


class ApiError(OsieError):
    """The server refused, or can't be reached. `faults` are those of the files that were sent."""

    def __init__(self, message: str, *, hint: str = "", faults: list[Json] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.faults = faults or []


class AwayError(ApiError):
    """The server can't be reached, or broke off: asked later it may answer."""


def server_url(text: str) -> str:
    """The server's URL, checked. Raises ApiError that says what is wrong with it."""
    expected = f"expected a URL such as {DEFAULT_SERVER}"
    try:
        url = httpx.URL(text)
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ApiError(f"{text!r}: {expected} ({error})") from None
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        raise ApiError(f"{text!r}: {expected}")
    if url.port is not None and not 0 < url.port < 65536:
        raise ApiError(f"{text!r}: there is no port {url.port}")
    return text.rstrip("/")


def at(*parts: str) -> str:
    """The API's path of these parts, whatever they are spelt with (RFC 3986, 3.3).

    Raises ApiError for a part that would name something else: servers and proxies resolve dots and slashes.
    """
    for part in parts:
        if part in {"", ".", ".."} or "/" in part:
            raise ApiError(f"{part!r} can't be a name")
    return "".join(f"/{quote(part, safe='', errors='surrogateescape')}" for part in parts)


@contextmanager
def _told(server: str) -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise AwayError(
            f"no Osie server answers at {server}", hint="start `osie serve`, or name another with --server"
        ) from error
    except httpx.TransportError as error:
        raise AwayError(f"the server at {server} broke off: {error or type(error).__name__}") from error
    except httpx.HTTPError as error:
        raise ApiError(f"the server at {server} can't be understood: {error}") from error
    except UnicodeEncodeError as error:  # a command line's bytes that are no UTF-8
        raise ApiError(f"{error.object!r} can't be sent to the server: not UTF-8") from None


def _checked(response: httpx.Response, has: str = "") -> Any:
    """The answer's JSON, a mapping that `has` this key. Raises ApiError in a sentence."""
    kind = AwayError if response.status_code in _AWAY else ApiError
    url = response.request.url.copy_with(query=None)
    try:
        body = response.json()
    except (ValueError, RecursionError):
        raise kind(
            f"{url} answered {response.status_code}, not JSON", hint="is an Osie server there?"
        ) from None
    if response.is_success:
        if has and not (isinstance(body, dict) and has in body):
            raise ApiError(
                f"{url} answered JSON without {has!r}: that is no Osie server", hint="see --server"
            )
        return body
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        faults = body["errors"]
        raise ApiError("nothing was applied:" + "".join(f"\n  {where(e)}" for e in faults), faults=faults)
    detail = body.get("detail", body) if isinstance(body, dict) else body
    if isinstance(detail, list):  # FastAPI's findings
        detail = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in detail)
    raise kind(str(detail))


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
        self._server = server_url(server)
        try:
            # httpx' own rules for NO_PROXY know no networks
            past: _Past = {"http://": None, "https://": None} if proxies.is_direct(self._server) else {}
            self._http = httpx.AsyncClient(
                base_url=f"{self._server}/api/v1", timeout=httpx.Timeout(15), mounts=past
            )
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            raise ApiError(
                f"the environment's proxy or certificates can't be used: {error}",
                hint="see ALL_PROXY, HTTP_PROXY, HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE",
            ) from None

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def request(self, method: str, path: str, *, has: str = "", **options: Any) -> Any:
        """Return the JSON that `path` (below /api/v1; see `at`) answers. Raises ApiError in a sentence.

        `has` is a key that the answer of an Osie server has.
        """
        with _told(self._server):
            response = await self._http.request(method, path, **options)
        return _checked(response, has)

    async def apply(self, files: list[tuple[str, str]]) -> list[Json]:
        """Apply (name, text) files together: all of it, or nothing and an ApiError with every reason."""
        applied: list[Json] = (await self.apply_told(files))["applied"]
        return applied

    async def apply_told(self, files: list[tuple[str, str]]) -> Json:
        """The same, with the server's warnings."""
        body = {"files": [{"name": name, "text": text} for name, text in files]}
        answer: Json = await self.request("POST", "/apply", has="applied", json=body, timeout=_APPLY_S)
        return answer

    async def every(self, path: str, wanted: Mapping[str, Any] | None = None) -> list[Json]:
        """All items of a list."""
        return [item async for item in self.items(path, wanted)]

    async def items(
        self, path: str, wanted: Mapping[str, Any] | None = None, after: int = 0
    ) -> AsyncGenerator[Json]:
        """The items of a list, page by page; of numbered ones those behind the id `after`."""
        query = dict(wanted or {})
        headers = {"Last-Event-ID": str(after)} if after else {}
        while True:
            page = await self.request("GET", path, has="items", params=query, headers=headers)
            for item in page["items"]:
                yield item
            if not page.get("continue"):
                return
            query["continue"] = page["continue"]

    async def follow(
        self,
        path: str,
        after: int = 0,
        wanted: Mapping[str, str] | None = None,
        opened: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[Json]:
        """The events of `path` behind the id `after`, as they happen (SSE: WHATWG HTML 9.2).

        Ends where the server ends it: with what is followed, or because the server stops.
        """
        options: Any = {
            "params": {**(wanted or {}), "follow": "true"},
            "headers": {"Last-Event-ID": str(after)},
            "timeout": httpx.Timeout(15, read=_SILENCE_S),
        }
        with _told(self._server):
            async with self._http.stream("GET", path, **options) as response:
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    await response.aread()
                    _checked(response)
                    raise ApiError(f"{response.request.url} answered no stream: that is no Osie server")
                opened()
                data = ""
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        data = line[5:]
                    elif not line and data:  # one that was cut off before its empty line is no event
                        yield json.loads(data)
                        data = ""


def ask(server: str, method: str, path: str, **options: Any) -> Json:
    """What the server answers to this one request. Raises as `Client.request` does."""

    async def work() -> Json:
        async with Client(server) as client:
            answer: Json = await client.request(method, path, **options)
            return answer

    return asyncio.run(work())
