"""One URL of the image: asking it for a range, and holding each answer against the first one."""

from collections.abc import Mapping
from typing import Protocol

from osie.actions.fetch.answer import Answer, Refused, Version, get
from osie.actions.fetch.connection import Connection
from osie.actions.fetch.paced_socket import Interrupted
from osie.actions.fetch.source import SourceError, shown

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "osie"}
_LEAST_PART_BYTES = 64 << 10  # less than was asked for is allowed (RFC 9110, 15.3.7); byte by byte is not
# A compressed file that its server labels with its own compression (Apache's AddEncoding) begins with these.
_LABELS = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd"}


class Access(Protocol):
    """What a server wants to see before it answers."""

    def headers(self) -> Mapping[str, str]:
        """For the URL's own server; never sent to where it redirects."""

    def renew(self, challenge: str) -> bool:
        """After a 401 with this WWW-Authenticate: get new ones. False where there is nothing to be had."""


class Mirror:
    """One server's copy. `version` is that of its first answer; every later one must be of the same."""

    def __init__(self, url: str, access: Access | None = None, accept: str = "*/*") -> None:
        self.url = url
        self.name = shown(url)
        self.version: Version | None = None
        self.ranges = False  # whether it was seen to heed them, or says so
        self.proven = False  # it has what was handed on
        self.wide = True  # it may be asked for several connections
        self.delivered = False  # it sent something since it failed last
        self.not_before = 0.0  # on the monotonic clock: it isn't asked again earlier
        self.failures = 0  # in a row
        self._access = access
        self._headers = {**_HEADERS, "Accept": accept}
        self._at = url  # where it redirected to the last time

    def ask(self, line: Connection, start: int | None, end: int | None = None) -> Answer:
        """The bytes from `start` on, at most to `end`; None: all, without Range.

        The answer may begin at 0 nonetheless, where the server doesn't heed ranges. Raises Interrupted,
        or SourceError: refused, of another version, or another range than was asked for.
        """
        headers = dict(self._headers)
        if start is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
            if self.version is not None and self.version.validator:
                headers["If-Range"] = self.version.validator
        total = self.version.total if self.version is not None else None
        if end is None or total is None or end >= total:
            headers["Connection"] = "close"  # so that its end says that there is nothing more
        answer = self._get(line, headers)
        try:
            self._check(answer, start, end)
        except BaseException:
            answer.close()
            raise
        self.ranges = answer.ranges if self.version is None else self.ranges or answer.partial
        self.version = self.version or answer.version
        return answer

    def _get(self, line: Connection, headers: Mapping[str, str]) -> Answer:
        if self._at != self.url:
            try:
                return self._remember(get(line, self._at, headers))
            except (SourceError, Interrupted):
                self._at = self.url  # what it redirected to may have been for a while only
        for renewed in (False, True):
            try:
                private = self._access.headers() if self._access else {}
                return self._remember(get(line, self.url, headers, private))
            except Refused as error:
                if error.status != 401 or self._access is None or renewed:
                    raise
                if not self._access.renew(error.challenge):
                    raise
        raise AssertionError  # the second round returned or raised

    def _remember(self, answer: Answer) -> Answer:
        self._at = answer.url
        return answer

    def _check(self, answer: Answer, start: int | None, end: int | None) -> None:
        if self.version is not None and self.version.differs(answer.version):
            raise changed(self.name)
        coding = answer.version.encoding
        if coding and coding not in _LABELS:
            raise SourceError(f"{self.name}: the server sends it as Content-Encoding {coding}, unasked")
        if not answer.partial:
            return
        if start is None:
            raise SourceError(f"{self.name}: the server answers 206 to a request for all of it")
        if answer.start != start or (end is not None and answer.end is not None and answer.end > end):
            raise SourceError(f"{self.name}: the server answers with another range than was asked for")
        wanted = answer.version.total if end is None else end
        have = (answer.end or start) - start
        if have < _LEAST_PART_BYTES and wanted is not None and start + have < wanted:
            total = answer.version.total
            if total is None or start + have < total:
                raise Interrupted(f"the server sends {have} bytes only, where more was asked for")

    def check_label(self, first: bytes) -> None:
        """Where the server names a Content-Encoding: that it only labels what the file is by itself."""
        coding = self.version.encoding if self.version else ""
        if coding and not first.startswith(_LABELS[coding]):
            raise SourceError(
                f"{self.name}: the server says Content-Encoding {coding}, and sends something else"
            )


def changed(name: str) -> SourceError:
    """The error that two halves of two images would be."""
    return SourceError(f"{name}: the image changed on the server while it was fetched")
