"""A registry of a test's own, with images of a busybox; before it passwords, faults or lies."""

import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from osie.oci import document, layout
from osie.registry import app

USER, PASSWORD = "machine", "s3cret/with:signs"
_TOKEN = "a-token-of-ours"


def publish(folder: Path, tar: bytes, *names: str) -> None:
    """Put images of a busybox into an OCI layout."""
    layer = gzip.compress(tar, mtime=0)
    blobs, references = {digest(layer): layer}, []
    for name in names:
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": {"name": name}},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
        }
        configuration = json.dumps(config).encode()
        kind = "application/vnd.oci.image.layer.v1.tar+gzip"
        manifest = document.manifest(configuration, [(digest(layer), len(layer))], kind)
        blobs |= {digest(configuration): configuration, digest(manifest): manifest}
        references.append(document.reference(name, digest(manifest), len(manifest), "amd64"))
    layout.publish(folder, references, files={}, documents=blobs)


def digest(content: bytes) -> str:
    """SHA-256, as registries write it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@asynccontextmanager
async def serving(folder: Path, guard: Middleware | None = None, port: int = 0) -> AsyncIterator[str]:
    """Serve the layout within the block; yields HOST:PORT. `guard` stands before every request."""
    application = app.create(folder)
    if guard is not None:
        application.middlewares.insert(0, web.middleware(guard))
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield "{}:{}".format(*runner.addresses[0])
    finally:
        await runner.cleanup()


def _knows(request: web.Request) -> bool:
    given = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return request.headers.get("Authorization") == f"Basic {given}"


async def basic(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Asks for name and password (RFC 7617)."""
    if _knows(request):
        return await handler(request)
    refusal = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
    return web.json_response(refusal, status=401, headers={"WWW-Authenticate": 'Basic realm="here"'})


async def token(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Asks for a token, which name and password get (distribution's token authentication)."""
    if request.path == "/token":
        told = {"token": _TOKEN} if _knows(request) else {"errors": [{"code": "UNAUTHORIZED"}]}
        return web.json_response(told, status=200 if _knows(request) else 401)
    if request.headers.get("Authorization") == f"Bearer {_TOKEN}":
        return await handler(request)
    refusal = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
    realm = f'Bearer realm="http://{request.host}/token",service="here"'
    return web.json_response(refusal, status=401, headers={"WWW-Authenticate": realm})


class Failing:
    """Answers with 503 until it was asked so often."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.left -= 1
        return web.Response(status=503) if self.left >= 0 else await handler(request)


class Lying:
    """Gives another image's manifest than the one that is asked for by its digest."""

    def __init__(self, instead: bytes) -> None:
        self._instead = instead

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if "/manifests/sha256:" not in request.path:
            return await handler(request)
        kind = "application/vnd.oci.image.manifest.v1+json"
        return web.Response(body=self._instead, content_type=kind)
