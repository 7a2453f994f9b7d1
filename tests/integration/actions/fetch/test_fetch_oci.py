"""Disk images in registries: the project's own, filled by skopeo, and one that wants a token."""

import asyncio
import base64
import hashlib
import json
import os
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from aiohttp import web

from osie.actions.fetch.oci import Credentials, OciSource, oci_source
from osie.actions.fetch.patience import Patience
from osie.actions.fetch.source import SourceError
from osie.core.process import run
from osie.registry import app

MIB = 1 << 20
IMAGE = os.urandom(5 * MIB + 13)
QUICK = Patience(outage_s=0.7, stall_s=5)
TYPE = "application/vnd.oci.image.manifest.v1+json"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _artifact(layers: dict[str, bytes]) -> tuple[bytes, bytes]:
    """The manifest and the config that `oras push REFERENCE FILE...` makes."""
    config = b"{}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": TYPE,
        "config": {
            "mediaType": "application/vnd.unknown.config.v1+json",
            "digest": _digest(config),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": _digest(content),
                "size": len(content),
                "annotations": {"org.opencontainers.image.title": name},
            }
            for name, content in layers.items()
        ],
    }
    return json.dumps(manifest).encode(), config


def _push(folder: Path, name: str, layers: dict[str, bytes]) -> str:
    """Put an artifact into the layout with skopeo; its manifest's digest."""
    manifest, config = _artifact(layers)
    source = folder / f"source-{len(list(folder.iterdir()))}"
    source.mkdir()
    for content in (config, *layers.values()):
        (source / hashlib.sha256(content).hexdigest()).write_bytes(content)
    (source / "manifest.json").write_bytes(manifest)
    (source / "version").write_text("Directory Transport Version: 1.1\n")
    run(
        [
            "skopeo",
            "copy",
            "--quiet",
            "--preserve-digests",
            f"dir:{source}",
            f"oci:{folder / 'layout'}:{name}",
        ]
    )
    return _digest(manifest)


@contextmanager
def _registry(layout: Path) -> Iterator[str]:
    """The project's registry, in a thread of its own; its address."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app.create(layout))
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The project's registry over the layout that tests fill."""
    with _registry(tmp_path / "layout") as address:
        yield address


@pytest.fixture
def pull() -> Iterator[Callable[..., OciSource]]:
    """Open a source; it is closed after the test."""
    with ExitStack() as stack:

        def begin(
            reference: str, user: str = "", patience: Patience = QUICK, connections: int = 2
        ) -> OciSource:
            credentials = Credentials(user, "secret") if user else None
            source = oci_source(reference, credentials, patience, lambda _line: None, connections=connections)
            stack.callback(source.close)
            source.open()
            return source

        yield begin


def test_an_artifact_of_one_file_is_the_image(
    tmp_path: Path, registry: str, pull: Callable[..., OciSource]
) -> None:
    """By its tag or by its digest; the layer's length and digest are known before its bytes."""
    digest = _push(tmp_path, "test/debian:raw.gz", {"debian.raw.gz": IMAGE})
    for reference, pinned in ((":raw.gz", False), (f"@{digest}", True)):
        source = pull(f"{registry}/test/debian{reference}")
        assert (source.total, source.digest, source.pinned) == (len(IMAGE), _digest(IMAGE), pinned)
        assert source.seekable
        assert b"".join(source.chunks()) == IMAGE
        assert b"".join(source.chunks(MIB, 3 * MIB)) == IMAGE[MIB : 3 * MIB]


def test_several_files_are_an_error_that_lists_them(
    tmp_path: Path, registry: str, pull: Callable[..., OciSource]
) -> None:
    """Nobody guesses which of them is the disk."""
    _push(tmp_path, "test/two:1", {"disk.raw": IMAGE, "README": b"read me"})
    with pytest.raises(SourceError, match=r"test/two:1: .* there are 2: disk\.raw .*README"):
        pull(f"{registry}/test/two:1")


def test_what_isnt_there_is_one_line(registry: str, pull: Callable[..., OciSource]) -> None:
    """404 is final."""
    with pytest.raises(SourceError, match="/v2/test/none/manifests/1: the server answers 404"):
        pull(f"{registry}/test/none:1")


@pytest.mark.parametrize("split", [None, MIB], ids=["at-once", "in-two"])
def test_another_blob_than_the_manifest_names_is_an_error(
    split: int | None, tmp_path: Path, registry: str, pull: Callable[..., OciSource]
) -> None:
    """One wrong bit in the registry's store is found by the digest, behind the last byte."""
    _push(tmp_path, "test/debian:1", {"debian.raw": IMAGE})
    blob = tmp_path / "layout" / "blobs" / _digest(IMAGE).replace(":", "/")
    blob.write_bytes(IMAGE[:-1] + bytes([IMAGE[-1] ^ 1]))
    source = pull(f"{registry}/test/debian:1")
    had = len(b"".join(source.chunks(0, split))) if split else 0
    with pytest.raises(SourceError, match="don't have its digest"):
        list(source.chunks(had))


def test_a_blob_of_another_length_is_refused_before_its_first_byte(
    tmp_path: Path, registry: str, pull: Callable[..., OciSource]
) -> None:
    """The manifest says how long it is."""
    _push(tmp_path, "test/debian:1", {"debian.raw": IMAGE})
    blob = tmp_path / "layout" / "blobs" / _digest(IMAGE).replace(":", "/")
    blob.write_bytes(IMAGE[:-1])
    with pytest.raises(SourceError, match=f"{len(IMAGE) - 1} bytes, and the manifest says {len(IMAGE)}"):
        pull(f"{registry}/test/debian:1")


def test_another_manifest_than_the_digest_names_is_an_error(
    tmp_path: Path, registry: str, pull: Callable[..., OciSource]
) -> None:
    """A reference by digest fixes everything."""
    digest = _push(tmp_path, "test/debian:1", {"debian.raw": IMAGE})
    manifest = tmp_path / "layout" / "blobs" / digest.replace(":", "/")
    manifest.write_bytes(manifest.read_bytes() + b" ")
    with pytest.raises(SourceError, match="the manifest's bytes don't have its digest"):
        pull(f"{registry}/test/debian@{digest}")


class _Guarded(BaseHTTPRequestHandler):
    """A registry with one image. `wants` is basic or bearer; a token is good for `uses` requests. The blob is
    elsewhere, at a server that must not see the token. Breaks off in the blob's middle, once."""

    protocol_version = "HTTP/1.1"
    wants = "bearer"
    uses = 1
    tokens: ClassVar[dict[str, int]]  # token -> requests left
    seen_elsewhere: ClassVar[list[str | None]]
    elsewhere = ""
    broken = False

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path)
        said = self.headers.get("Authorization") or ""
        basic = "Basic " + base64.b64encode(b"robot:secret").decode()
        if path.path == "/token":
            self._token(said == basic, dict(urllib.parse.parse_qsl(path.query)))
        elif path.path == "/store":
            self._blob()
        elif self.wants == "basic" and said != basic:
            self._say(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
        elif self.wants == "bearer" and not self._good(said.removeprefix("Bearer ")):
            here = f"http://{self.headers['Host']}/token"
            scope = 'service="here",scope="repository:disk:pull"'
            self._say(401, b"", {"WWW-Authenticate": f'Bearer realm="{here}",{scope}'})
        elif "/manifests/" in path.path:
            self._say(200, _artifact({"disk.raw": IMAGE})[0], {"Content-Type": TYPE})
        else:
            self._say(307, b"", {"Location": self.elsewhere})

    def _good(self, token: str) -> bool:
        left = self.tokens.get(token, 0)
        self.tokens[token] = left - 1
        return left > 0

    def _token(self, allowed: bool, query: dict[str, str]) -> None:
        if not allowed or query != {"service": "here", "scope": "repository:disk:pull"}:
            self._say(401, b"", {})
            return
        token = f"token{len(self.tokens)}"
        self.tokens[token] = self.uses
        self._say(200, json.dumps({"token": token, "expires_in": 1}).encode(), {})

    def _blob(self) -> None:
        self.seen_elsewhere.append(self.headers.get("Authorization"))
        first, _, last = (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")
        span = slice(int(first), min(int(last or len(IMAGE)), len(IMAGE) - 1) + 1)
        self.send_response(206)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Range", f"bytes {span.start}-{span.stop - 1}/{len(IMAGE)}")
        self.send_header("Content-Length", str(span.stop - span.start))
        self.end_headers()
        if span.start and not type(self).broken:
            type(self).broken = True
            self.wfile.write(IMAGE[span.start : span.start + 99_999])
            self.close_connection = True
        else:
            self.wfile.write(IMAGE[span])

    def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def _listening(handler: type[_Guarded]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=["basic", "bearer"])
def guarded(request: pytest.FixtureRequest) -> Iterator[tuple[str, type[_Guarded]]]:
    """A registry that wants to know who asks, and sends those it knows elsewhere for the blob."""

    class Handler(_Guarded):
        wants = request.param
        tokens: ClassVar[dict[str, int]] = {}
        seen_elsewhere: ClassVar[list[str | None]] = []

    with _listening(Handler) as address, _listening(Handler) as elsewhere:
        Handler.elsewhere = f"http://{elsewhere}/store?signature=x"
        yield address, Handler


def test_a_registry_is_told_who_asks_and_its_store_is_not(
    guarded: tuple[str, type[_Guarded]], pull: Callable[..., OciSource]
) -> None:
    """Basic or a token, renewed when it is over; a broken blob is taken up; a redirect sees no secret."""
    address, handler = guarded
    source = pull(f"{address}/disk:1", user="robot", patience=Patience(stall_s=5, pause_s=0.02))
    assert b"".join(source.chunks()) == IMAGE
    assert handler.broken
    assert set(handler.seen_elsewhere) == {None}


@pytest.mark.parametrize("user", ["", "mallory"])
def test_who_isnt_known_is_told_so(
    user: str, guarded: tuple[str, type[_Guarded]], pull: Callable[..., OciSource]
) -> None:
    """One line with the status, without the password."""
    with pytest.raises(SourceError, match="the server answers 401") as caught:
        pull(f"{guarded[0]}/disk:1", user=user)
    assert "secret" not in str(caught.value)
