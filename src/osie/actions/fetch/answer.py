"""One GET, redirects followed, and what came of it: which bytes of which version (RFC 9110, 8 and 14)."""

import http.client
import re
import string
import time
import urllib.parse
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from osie.actions.fetch.connection import Connection
from osie.actions.fetch.paced_socket import Interrupted, troubles
from osie.actions.fetch.source import CHUNK_BYTES, SourceError, shown

MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WORTH_RETRYING = frozenset({408, 425, 429})  # of the 4xx: Request Timeout, Too Early, Too Many Requests
_AT_ONCE_S = 1.0  # what has arrived is handed on after so long, a full chunk or not


class Refused(SourceError):
    """The server's final word on this URL: a status that another try won't change."""

    def __init__(self, message: str, status: int, challenge: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.challenge = challenge  # WWW-Authenticate


class Version(NamedTuple):
    """What tells one version of the image from another; empty or None where the server is silent."""

    etag: str
    modified: str
    total: int | None
    encoding: str

    @property
    def validator(self) -> str:
        """What proves byte for byte the same version, for If-Range; empty where nothing does."""
        return self.modified if self.etag.startswith("W/") or not self.etag else self.etag

    def differs(self, other: "Version") -> bool:
        """Whether both can't be the same version."""
        pairs = [(self.etag, other.etag), (self.modified, other.modified)]
        lengths = self.total is not None and other.total is not None and self.total != other.total
        return lengths or any(a and b and a != b for a, b in pairs) or self.encoding != other.encoding


class Answer:
    """A response with content: the bytes from `start` on, as they arrive."""

    def __init__(
        self, response: http.client.HTTPResponse, line: Connection, url: str, name: str, *, last: bool
    ) -> None:
        self._response = response
        self._line = line
        self.url = url  # after redirects
        self._last = last or response.will_close  # the server ends the connection behind it
        self.partial = response.status == 206
        self.start, self.end, total = 0, response.length, response.length  # [start, end) of the image
        if self.partial:
            self.start, self.end, total = _content_range(response, name)
        self.ends_clearly = self.end is not None or bool(response.chunked)
        headers = response.headers
        self.version = Version(
            etag=headers.get("ETag", "").strip(),
            modified=headers.get("Last-Modified", "").strip(),
            total=total,
            encoding=_encoding(headers.get("Content-Encoding", "")),
        )
        self.ranges = self.partial or "bytes" in headers.get("Accept-Ranges", "").lower()
        self.position = self.start
        self.waited_s = 0.0  # for the bytes, all in all
        self._held: bytes | None = None  # came along with the head
        self._broken: Interrupted | None = None  # to be told: a socket names its error only once

    def receive(self, most: int = CHUNK_BYTES) -> bytes:
        """Up to `most` bytes of what follows, at least a byte; nothing at the proper end. Raises Interrupted.

        What arrived before the connection broke is handed on first; the next call raises.
        """
        if self._broken is not None:
            raise self._broken
        parts: list[bytes] = []
        have, soon = 0, time.monotonic() + _AT_ONCE_S
        while have < most:
            try:
                part = self._some(most - have)
            except Interrupted as error:
                if not parts:
                    raise
                self._broken = error
                break
            if not part:
                break
            parts.append(part)
            have += len(part)
            if time.monotonic() > soon:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _some(self, most: int) -> bytes:
        if self.end is not None:
            most = min(most, self.end - self.position)
        if self._held is None:
            self._held = self._arriving(most, first=True) if most else b""
            part = self._held[:most]
        else:
            part = self._held[:most] or (self._arriving(most, first=False) if most else b"")
        self._held = self._held[most:]
        if not part and self.end is not None and self.position < self.end:
            raise Interrupted("the connection ended")
        self.position += len(part)
        if self.position == self.end and not self._response.chunked:
            self._response.close()  # read to its end, past http.client: the connection is free
        return part

    def _arriving(self, most: int, *, first: bool) -> bytes:
        begun = time.monotonic()
        with troubles():
            part = self._line.receive(self._response, most, first=first)
        self.waited_s += time.monotonic() - begun
        return part

    def surplus(self) -> bool:
        """After the last byte: whether the server goes on sending. Waits a second for the end."""
        if self._response.chunked or self.end is None or not self._last:
            return False
        return self._line.surplus()

    def close(self) -> None:
        """Give it up; where it wasn't read to its end the connection goes with it."""
        if self._last or not self._response.isclosed():
            self._line.hang_up()


def _content_range(response: http.client.HTTPResponse, name: str) -> tuple[int, int, int | None]:
    """The [start, end) and total of a 206; SourceError where it can't be true."""
    said = response.headers.get("Content-Range", "").strip()
    match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", said)
    if match is None:
        raise SourceError(f"{name}: the server answers 206 with the range {said!r}")
    start, end, total = int(match[1]), int(match[2]) + 1, None if match[3] == "*" else int(match[3])
    wrong = end <= start or (total is not None and end > total)
    if wrong or (response.length is not None and response.length != end - start):
        raise SourceError(
            f"{name}: the server's range {said!r} doesn't fit its Content-Length {response.length}"
        )
    return start, end, total


def _encoding(said: str) -> str:
    codings = [coding.strip().lower().removeprefix("x-") for coding in said.split(",")]
    return ",".join(coding for coding in codings if coding not in ("", "identity"))


def get(
    line: Connection, url: str, headers: Mapping[str, str], private: Mapping[str, str] | None = None
) -> Answer:
    """GET the URL, following redirects. `private` headers go to the URL's own server only.

    Raises Interrupted where another try may help, Refused or SourceError where not.
    """
    name, first = shown(url), urllib.parse.urlsplit(url)
    seen = {url}
    while True:
        parts = urllib.parse.urlsplit(url)
        own = (parts.scheme, parts.netloc) == (first.scheme, first.netloc)
        response = _asked(line, url, {**headers, **(private or {} if own else {})}, name)
        if response.status not in _REDIRECTS:
            break
        url = _next(url, response.headers.get("Location", ""), name)
        _drain(response, line)
        if url in seen or len(seen) > MOST_REDIRECTS:
            why = "the redirects go in a circle" if url in seen else f"more than {MOST_REDIRECTS} redirects"
            raise SourceError(f"{name}: {why}, at {shown(url)}")
        seen.add(url)
    if response.status in (200, 206):
        return Answer(response, line, url, name, last=headers.get("Connection") == "close")
    said = f"the server answers {response.status} {response.reason}".rstrip()
    after_s = _retry_after(response.headers.get("Retry-After", ""))
    challenge = ", ".join(response.headers.get_all("WWW-Authenticate", []))
    ended = response.headers.get("Content-Range", "")
    _drain(response, line)
    if response.status >= 500 or response.status in _WORTH_RETRYING:
        raise Interrupted(said, after_s=after_s)
    if response.status == 416:
        said += f" ({ended})" if ended else ""
    raise Refused(f"{name}: {said}", response.status, challenge)


def _asked(line: Connection, url: str, headers: dict[str, str], name: str) -> http.client.HTTPResponse:
    try:
        return line.ask(url, headers)
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from error


def _next(url: str, location: str, name: str) -> str:
    """Where a redirect leads; SourceError where we don't follow."""
    quoted = urllib.parse.quote(location, encoding="latin-1", safe=string.punctuation)
    try:
        target = urllib.parse.urljoin(url, quoted)
        old, new = urllib.parse.urlsplit(url), urllib.parse.urlsplit(target)
        followed = bool(location) and new.scheme in ("http", "https") and bool(new.hostname) and new.port != 0
    except ValueError:  # no port, or no address
        target, followed = quoted, False
    if not followed:
        raise SourceError(
            f"{name}: the server redirects to {target.partition('?')[0] if location else 'nowhere'}"
        )
    if old.scheme == "https" and new.scheme == "http":
        raise SourceError(
            f"{name}: the server redirects from https to {shown(target)}, where nothing is protected"
        )
    return urllib.parse.urlunsplit(new._replace(fragment=""))


def _drain(response: http.client.HTTPResponse, line: Connection) -> None:
    """Read the small body of an answer that isn't the image, so that the connection can be kept."""
    if response.length is None or response.length > 64 << 10:
        line.hang_up()
        return
    try:
        with troubles():
            response.read()
    except (Interrupted, SourceError):
        line.hang_up()


def _retry_after(said: str) -> float:
    """Seconds, from a number or a date (RFC 9110, 10.2.3)."""
    said = said.strip()
    if re.fullmatch(r"\d{1,9}", said):
        return float(said)
    try:
        return max(parsedate_to_datetime(said).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, IndexError):
        return 0.0
