"""What a page in the operator's browser may not do: the API is for programs and for its own pages.

A page from elsewhere can make a browser send requests to this host (CSRF), and by a name that it points here
(DNS rebinding) even read the answers. A browser tells the page's origin (Fetch, 3.2) and the name that it
asked for; and without asking first, a page can't send JSON (Fetch, 2.2.2, CORS-safelisted request-header).
"""

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_CHANGES = {"POST", "PUT", "PATCH"}


def own_names() -> set[str]:
    """Collect the names by which this host knows itself, in lower case."""
    names = {socket.gethostname(), socket.getfqdn(), "localhost"}
    return {name.lower() for name in names if name}


def fault(method: str, headers: Headers, names: Collection[str]) -> tuple[int, str] | None:
    """Find why a request is refused: (HTTP status, reason); None where it isn't."""
    host = headers.get("host", "")
    name = _name(host)
    if not (_is_address(name) or name.lower().rstrip(".") in names):
        return 421, f"{name!r} is no name of this server: list it as operator.names in the config"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return 403, f"a page of {origin!r} may not use this server"
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method in _CHANGES and kind != "application/json":
        return 415, "a change is asked for with Content-Type: application/json"
    return None


def _name(host: str) -> str:
    """The host without its port; an IPv6 address without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _is_address(name: str) -> bool:
    """Whether it is an IP address: nobody can point that elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Browsers:
    """Answers what a foreign page may have sent with its fault, before the application sees it."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app, self._names = app, {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        found = fault(scope["method"], Headers(scope=scope), self._names) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        status, reason = found
        # Closed, since a body may still be under way.
        await JSONResponse({"detail": reason}, status, {"Connection": "close"})(scope, receive, send)
