"""An image over HTTP or HTTPS; a broken or stalled connection is taken up where it broke (RFC 9110, 14).

The bytes that were handed on are never handed on twice. Before a resumed stream is believed it must name the
same validator, offset and length; a server that ignores Range is read again from the start, and what was had
already must have the same digest.
"""

import hashlib
import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from osie.actions.fetch.source import CHUNK_BYTES, SourceError, shown

_T = TypeVar("_T")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_WORTH_RETRYING = {408, 429}  # of the 4xx: Request Timeout, Too Many Requests
_RECEIVE_BYTES = 256 << 10


@dataclass(frozen=True)
class Patience:
    """How long to put up with a server."""

    retry: bool = True
    outage_s: float = 600.0  # from the last byte (or the start) to giving up
    stall_s: float = 30.0  # a connection on which nothing arrives for that long is given up


class _Interrupted(Exception):
    """The connection broke or wasn't made; another try may help."""


def _is_final(error: OSError) -> bool:
    """Whether another try is pointless."""
    if isinstance(error, urllib.error.HTTPError):
        return 300 <= error.code < 500 and error.code not in _WORTH_RETRYING
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(reason, ssl.SSLCertVerificationError)


def _explained(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        reason = error.reason
        return _explained(reason) if isinstance(reason, BaseException) else str(reason)
    if isinstance(error, TimeoutError):
        return "nothing arrives"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class HttpSource:
    """One image on one server; `tell` gets a line whenever the connection is lost and found."""

    def __init__(self, url: str, patience: Patience, tell: Callable[[str], None]) -> None:
        self._url = url
        self._name = shown(url)
        self._patience = patience
        self._tell = tell
        self._offset = 0  # bytes handed on
        self._seen = hashlib.sha256()  # of the bytes handed on
        self._validators: tuple[str, str] | None = None  # ETag, Last-Modified of the first answer
        self._response: http.client.HTTPResponse | None = None
        self.total: int | None = None
        self.ends_clearly = True

    def open(self) -> None:
        """Get the first answer, which says the length and which version this is."""
        self._persist(self._connect)

    def chunks(self) -> Iterator[bytes]:
        """The body, in order, over as many connections as it takes."""
        while True:
            chunk = self._persist(self._receive)
            if not chunk:
                return
            self._offset += len(chunk)
            self._seen.update(chunk)
            yield chunk

    def _persist(self, step: Callable[[], _T]) -> _T:
        """Do the step; where the connection is lost, make a new one, until it works or patience is over."""
        deadline = time.monotonic() + self._patience.outage_s
        pause, lost = _FIRST_PAUSE_S, False
        while True:
            try:
                if self._response is None:
                    self._connect()
                    if lost:
                        self._tell(f"connected again, going on at byte {self._offset}")
                result = step()
            except _Interrupted as error:
                self._drop()
                self._give_up_or_wait(error, deadline, pause)
                pause, lost = min(pause * 2, _LONGEST_PAUSE_S), True
            else:
                return result

    def _give_up_or_wait(self, error: _Interrupted, deadline: float, pause: float) -> None:
        where = f"{self._name}: {error} at byte {self._offset}"
        where += f" of {self.total}" if self.total is not None else ""
        if not self._patience.retry:
            raise SourceError(where, hint="RETRY_ENABLED=false: no further try") from error
        if time.monotonic() + pause > deadline:
            raise SourceError(f"{where}; gave up after {self._patience.outage_s:g} s") from error
        self._tell(f"{where}; trying again in {pause:g} s")
        time.sleep(pause)

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def _connect(self) -> None:
        """Ask for the bytes from `_offset` on, and check that they are what is being answered with."""
        if self._response is not None:
            return
        request = urllib.request.Request(self._url, headers=self._headers())  # noqa: S310 - settings allow http(s)
        try:
            response = urllib.request.urlopen(request, timeout=self._patience.stall_s)  # noqa: S310
        except OSError as error:
            if _is_final(error):
                raise SourceError(f"{self._name}: {_explained(error)}") from None
            raise _Interrupted(_explained(error)) from error
        except http.client.HTTPException as error:
            raise _Interrupted(_explained(error)) from error
        self._response = response
        if self._validators is None:
            self._begin(response)
        else:
            self._resume(response)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "User-Agent": "osie-image2disk"}
        if self._offset and self._validators is not None:
            headers["Range"] = f"bytes={self._offset}-"
            etag, modified = self._validators
            strong = etag if not etag.startswith("W/") else ""  # a weak one may not stand in If-Range
            if strong or modified:
                headers["If-Range"] = strong or modified
        return headers

    def _begin(self, response: http.client.HTTPResponse) -> None:
        if response.status != 200:
            raise SourceError(
                f"{self._name}: the server answers {response.status} to a request for all of it"
            )
        self._validators = self._validators_of(response)
        self.total = response.length
        self.ends_clearly = response.length is not None or bool(response.chunked)

    @staticmethod
    def _validators_of(response: http.client.HTTPResponse) -> tuple[str, str]:
        return response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")

    def _resume(self, response: http.client.HTTPResponse) -> None:
        """Check that the answer continues what we have. Raises SourceError where it can't."""
        changed = SourceError(f"{self._name}: the image changed on the server while it was fetched")
        assert self._validators is not None  # noqa: S101 - `_begin` set it
        for before, now in zip(self._validators, self._validators_of(response), strict=True):
            if before and now and before != now:
                raise changed
        if response.status == 206:
            match = re.fullmatch(
                r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
            )
            if match is None or int(match[1]) != self._offset:
                raise SourceError(f"{self._name}: the server answers with another range than was asked for")
            if match[2] != "*" and self.total not in (None, int(match[2])):
                raise changed
        elif response.length is not None and self.total not in (None, response.length):
            raise changed
        elif self._offset:
            self._skip(changed)

    def _skip(self, changed: SourceError) -> None:
        """The server sends all of it again: read over what we have, and see that it is the same."""
        self._tell(f"the server can't resume: reading over the first {self._offset} bytes again")
        again, left = hashlib.sha256(), self._offset
        while left:
            part = self._receive_some(min(left, _RECEIVE_BYTES), self._offset - left)
            if not part:
                raise changed
            again.update(part)
            left -= len(part)
        if again.digest() != self._seen.digest():
            raise changed

    def _receive(self) -> bytes:
        """A chunk, or nothing at the proper end. What arrived before a connection broke is kept."""
        parts: list[bytes] = []
        have = 0
        while have < CHUNK_BYTES:
            try:
                part = self._receive_some(_RECEIVE_BYTES, self._offset + have)
            except _Interrupted:
                if not parts:
                    raise
                self._drop()  # the next call connects again
                break
            if not part:
                break
            parts.append(part)
            have += len(part)
        if self.total is not None and self._offset + have > self.total:
            raise SourceError(f"{self._name}: the server sends more than the {self.total} bytes it announced")
        return b"".join(parts)

    def _receive_some(self, most: int, position: int) -> bytes:
        """What has arrived, at least a byte; nothing at the proper end."""
        assert self._response is not None  # noqa: S101 - `_persist` connects first
        try:
            part = self._response.read1(most)
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(_explained(error)) from error
        if not part and self.total is not None and position < self.total:
            raise _Interrupted("the connection ended")
        return part
