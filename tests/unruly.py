"""An HTTP/1.1 server on loopback that misbehaves as it is told to, request by request.

    with unruly() as server:
        served = server.serve(body, Answer(upto=3 * MIB, then="reset"), Answer())
        fetch(served.url)
        assert [asked.status for asked in served.requests] == [200, 206]

Without answers it behaves: Range, If-Range, ETag, HEAD, keep-alive (RFC 9110, RFC 9112).
"""

import http.server
import itertools
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlsplit

_SEND_BYTES = 64 << 10
_TRICKLE_S = 0.05
_STALL_S = 120.0  # longer than any test; a server that is closed ends its stalls at once


@dataclass(frozen=True)
class Answer:
    """How a request is answered. What isn't named is as it should be."""

    status: int = 200  # another one than 200: no body, only this (a redirect with `location`)
    location: str = ""
    body: bytes | None = None  # another body than the file's
    flip: int | None = None  # the lowest bit of this byte of the file is wrong
    upto: int | None = None  # before this byte of the file it breaks off as `then` says; see `applies`
    then: Literal["close", "reset", "stall", "trickle"] = "close"
    longer: int = 0  # the file is announced as so many bytes longer than it is (or shorter)
    sized: bool = True  # False: no Content-Length, the connection's end is the body's
    chunked: bool = False
    ranges: bool = True  # False: Range is ignored
    content_range: str | None = None  # instead of the true Content-Range
    etag: str = '"1"'  # "": none
    headers: Mapping[str, str] = field(default_factory=dict)  # added ones, Content-Encoding for example
    after: bytes = b""  # sent after the body, beyond what is announced
    times: int = 1  # how many requests are answered so before the next answer's turn

    def applies(self, span: range) -> bool:
        """Whether this can be done to an answer with these bytes of the file.

        An answer waits for the request that it is meant for (clients may fetch several parts side by side).
        """
        return (self.upto is None or span.start <= self.upto <= span.stop) and (
            self.flip is None or self.flip in span
        )


@dataclass(frozen=True)
class Asked:
    """A request that arrived, and what became of it."""

    method: str
    range: str | None  # the header as it was
    if_range: str | None
    status: int
    connection: int  # of this server, counted from 0
    proxy_authorization: str | None


@dataclass
class Served:
    """A file, its answers in turn (the last one stays), and what was asked and sent so far."""

    body: bytes
    answers: list[Answer]
    url: str
    requests: list[Asked] = field(default_factory=list)
    sent: int = 0  # bytes of bodies, with those that are being sent
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def checksum(self) -> str:
        """What CHECKSUM should be."""
        return f"sha256:{sha256(self.body).hexdigest()}"

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of every request."""
        return [asked.range for asked in self.requests]

    def announced(self, answer: Answer) -> int:
        """How many bytes the file is said to have."""
        return len(self.body if answer.body is None else answer.body) + answer.longer

    def next_answer(self, wanted: str | None) -> Answer:
        """The answer whose turn it is; without what it does at one byte, where that isn't asked for."""
        with self.lock:
            answer = self.answers[0]
            size = self.announced(answer)
            span = _span(wanted, size) if answer.ranges else range(size)
            if not answer.applies(span if span is not None else range(size)):
                return replace(answer, upto=None, flip=None, status=200)
            if len(self.answers) > 1:
                self.answers.pop(0)
                if answer.times > 1:
                    self.answers.insert(0, replace(answer, times=answer.times - 1))
            return answer


def _span(wanted: str | None, size: int) -> range | None:
    """The bytes of a file of `size` that `bytes=A-B`, `A-` or `-N` means; None where there are none."""
    if not wanted or not wanted.startswith("bytes=") or "," in wanted:
        return range(size)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    if not first:
        return range(max(size - int(last), 0), size)
    span = range(int(first), min(int(last) + 1, size) if last else size)
    return span if span else None


class _Handler(http.server.BaseHTTPRequestHandler):
    """A connection."""

    protocol_version = "HTTP/1.1"
    server: "Unruly"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = self.server.count_connection()

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        served = self.server.files.get(urlsplit(self.path).path)
        if served is None:
            self._only(404)
            return
        wanted = self.headers.get("Range")
        answer = served.next_answer(wanted)
        size = served.announced(answer)
        status, span = answer.status, range(size)
        if status == 200 and wanted and answer.ranges and self.headers.get("If-Range") in (None, answer.etag):
            found = _span(wanted, size)
            status, span = (416, range(0)) if found is None else (206, found)
        with served.lock:
            served.requests.append(
                Asked(
                    str(self.command),
                    wanted,
                    self.headers.get("If-Range"),
                    status,
                    self.number,
                    self.headers.get("Proxy-Authorization"),
                )
            )
        if status not in (200, 206):
            self._only(status, answer, f"bytes */{size}" if status == 416 else "")
            return
        self._head(answer, status, span, size)
        if self.command == "GET":
            self._body(served, answer, span)

    def _only(self, status: int, answer: Answer | None = None, content_range: str = "") -> None:
        """An answer without a body."""
        self.send_response(status)
        if answer is not None:
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.location:
                self.send_header("Location", answer.location)
        if content_range:
            self.send_header("Content-Range", content_range)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _head(self, answer: Answer, status: int, span: range, size: int) -> None:
        self.send_response(status)
        if answer.etag:
            self.send_header("ETag", answer.etag)
        if answer.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            true = f"bytes {span.start}-{span.stop - 1}/{size}"
            self.send_header("Content-Range", true if answer.content_range is None else answer.content_range)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.sized:
            self.send_header("Content-Length", str(len(span)))
        else:
            self.close_connection = True
        self.end_headers()

    def _body(self, served: Served, answer: Answer, span: range) -> None:
        body = served.body if answer.body is None else answer.body
        if answer.flip is not None:
            body = flipped(body, answer.flip)
        # what is announced as the end needn't be it
        end = len(body) if span.stop == served.announced(answer) else span.stop
        breaks = answer.upto is not None
        stop = end if answer.upto is None else answer.upto
        part = memoryview(body)[span.start : stop]
        if span.stop > len(body):
            self.close_connection = True
        if answer.chunked and part:
            self.wfile.write(b"%x\r\n" % len(part))
        for at in range(0, len(part), _SEND_BYTES):
            self._send(served, part[at : at + _SEND_BYTES])
        if answer.chunked:
            self.wfile.write((b"\r\n" if part else b"") + (b"" if breaks else b"0\r\n\r\n"))
        if breaks:
            self._break(served, answer, memoryview(body)[stop:end])
        self.wfile.write(answer.after)

    def _send(self, served: Served, part: memoryview) -> None:
        with served.lock:  # before the client has them, who may then look at once what was sent
            served.sent += len(part)
        self.wfile.write(part)

    def _break(self, served: Served, answer: Answer, rest: memoryview) -> None:
        self.close_connection = True
        if answer.then == "stall":
            self.server.closing.wait(_STALL_S)
        if answer.then == "trickle":
            for at in range(len(rest)):
                if self.server.closing.wait(_TRICKLE_S):
                    break
                self._send(served, rest[at : at + 1])
        if answer.then == "reset":  # closing a socket that lingers for 0 s sends RST (socket(7))
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class Unruly(http.server.ThreadingHTTPServer):
    """The server: files by their paths. A client that goes away is no error."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, Served] = {}
        self.closing = threading.Event()
        self.connections = 0
        self._context = context
        self._counting = threading.Lock()
        self._numbers = itertools.count()

    def server_bind(self) -> None:
        """Without asking a resolver for our name, as HTTPServer does."""
        socketserver.TCPServer.server_bind(self)

    def serve(self, body: bytes, *answers: Answer, path: str = "") -> Served:
        """Serve a file, answering with each answer in turn; the last one stays. Without any: properly."""
        path = path or f"/{next(self._numbers)}/image"
        scheme = "https" if self._context else "http"
        url = f"{scheme}://127.0.0.1:{self.server_address[1]}{path}"
        self.files[path] = Served(body, list(answers) or [Answer()], url)
        return self.files[path]

    def count_connection(self) -> int:
        """A new connection's number."""
        with self._counting:
            self.connections += 1
            return self.connections - 1

    def finish_request(self, request: Any, client_address: object) -> None:
        """In the connection's own thread, so that a slow handshake holds nobody up."""
        if self._context is None:
            super().finish_request(request, client_address)
            return
        with self._context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close without the polite shutdown of socketserver, which would send FIN where RST is wanted."""
        with suppress(OSError):
            if not struct.unpack("ii", request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))[0]:
                request.shutdown(socket.SHUT_WR)
        request.close()

    def handle_error(self, *_: object) -> None:
        """A client that goes away is part of the tests."""


def flipped(data: bytes, at: int) -> bytes:
    """The same with one wrong bit in the byte `at`."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@contextmanager
def unruly(context: ssl.SSLContext | None = None) -> Iterator[Unruly]:
    """A server that runs until the block is left; stalled answers end then. `context` makes it HTTPS."""
    server = Unruly(context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
