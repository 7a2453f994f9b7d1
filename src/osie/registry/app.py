"""The registry's HTTP application: OCI distribution, the pulling half, over a folder of images.

Blobs go out through sendfile(2), with ranges, so that a machine's broken pull goes on where it stopped.
"""

import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from osie.registry.answers import Refusal, json_response, page
from osie.registry.repository import DIGEST, NAME, TAG, Layout

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_REQUEST = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags)/(?P<reference>[^/]+)")
_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}
_FOR_EVER = "public, max-age=31536000, immutable"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create(layout: Path) -> web.Application:
    """An application that serves the images of the layout in that folder; it may be filled later."""
    app = web.Application(middlewares=[_answer])
    registry = _Registry(Layout(layout))
    app.router.add_route("*", "/{path:.*}", registry.handle)
    return app


class _Blob(web.FileResponse):
    """A blob, whose sending is an event: it's over only when the last byte is out, after the handler."""

    def __init__(self, path: Path, digest: str) -> None:
        headers = {
            **_VERSION,
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest,
            "Cache-Control": _FOR_EVER,
        }
        super().__init__(path, chunk_size=1 << 20, headers=headers)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        begun = time.monotonic()
        ended = "cut"
        try:
            writer = await super().prepare(request)
            ended = "sent"
            return writer
        finally:
            _told(request, self.status, self.content_length or 0, begun, ended)


class _Registry:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request. The reads here are of small files: an index, a manifest."""
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "UNSUPPORTED", "this registry is read-only", request.method)
        if request.path in ("/v2", "/v2/"):
            return json_response({})
        if request.path == "/v2/_catalog":
            return page(request, "repositories", self._layout.index().repositories)
        asked = _REQUEST.fullmatch(request.path)
        if asked is None:
            raise Refusal(404, "UNSUPPORTED", "no such endpoint", request.path)
        name, kind, reference = asked["name"], asked["kind"], asked["reference"]
        if not re.fullmatch(NAME, name):
            raise Refusal(400, "NAME_INVALID", "not a repository's name", name)
        tags = self._layout.index().repositories.get(name)
        if tags is None:
            raise Refusal(404, "NAME_UNKNOWN", "no such repository here", name)
        if kind == "manifests":
            return self._manifest(request, name, reference)
        if kind == "blobs":
            return self._blob(reference)
        if reference == "list":
            return page(request, "tags", tags, name=name)
        raise Refusal(404, "UNSUPPORTED", "no such endpoint", request.path)

    def _manifest(self, request: web.Request, name: str, reference: str) -> web.Response:
        by_digest = ":" in reference
        if by_digest and not DIGEST.fullmatch(reference):
            raise Refusal(400, "DIGEST_INVALID", "not a sha256 digest", reference)
        if not by_digest and not TAG.fullmatch(reference):
            raise Refusal(400, "MANIFEST_INVALID", "neither a tag nor a digest", reference)
        manifest = self._layout.manifest(name, reference)
        if manifest is None:
            raise Refusal(404, "MANIFEST_UNKNOWN", f"{name} has no such manifest", reference)
        headers = {
            "Docker-Content-Digest": manifest.digest,
            "ETag": f'"{manifest.digest}"',
            "Cache-Control": _FOR_EVER if by_digest else "no-cache",
        }
        if any(etag.value in (manifest.digest, "*") for etag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=manifest.content, content_type=manifest.media_type, headers=headers)

    def _blob(self, digest: str) -> web.StreamResponse:
        if not DIGEST.fullmatch(digest):
            raise Refusal(400, "DIGEST_INVALID", "not a sha256 digest", digest)
        path = self._layout.blob(digest)
        if path is None:
            raise Refusal(404, "BLOB_UNKNOWN", "no such blob here", digest)
        return _Blob(path, digest)


@web.middleware
async def _answer(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn refusals and faults into the specification's JSON, and tell of every answer."""
    begun = time.monotonic()
    try:
        response = await handler(request)
    except Refusal as refusal:
        response = refusal.response()
    except web.HTTPException as refusal:  # aiohttp's own: a path that no route takes
        response = Refusal(refusal.status, "UNSUPPORTED", refusal.reason, request.path).response()
    except OSError as error:
        _log.error("registry.fault", path=request.path, reason=str(error))
        response = Refusal(500, "UNKNOWN", "the images can't be read", str(error)).response()
    response.headers.update(_VERSION)
    if not isinstance(response, _Blob):  # which tells by itself, once it was sent
        body = response.body if isinstance(response, web.Response) else None
        size = len(body) if isinstance(body, bytes) and request.method == "GET" else 0
        _told(request, response.status, size, begun, "sent")
    return response


def _told(request: web.BaseRequest, status: int, size_bytes: int, begun: float, ended: str) -> None:
    _log.info(
        "registry.request",
        method=request.method,
        path=request.path,
        status=status,
        bytes=size_bytes,
        seconds=round(time.monotonic() - begun, 3),
        remote=request.remote,
        ended=ended,
    )
