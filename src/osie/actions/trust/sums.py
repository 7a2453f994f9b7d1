"""Digest files such as SHA256SUMS or image.raw.sha256, by any of the programs that write them: finding ours.

Who writes which: `HEX  NAME` sha256sum(1) and shasum(1), with `*` for binary, one blank `openssl dgst -r` and
`sha256 -r`, a tab by hand; `SHA256 (NAME) = HEX` sha256sum --tag and BSD's sha256(1); `SHA256(NAME)= HEX`
openssl-dgst(1), `SHA2-256(NAME)= HEX` since its version 3; `HEX` alone many projects; `sha256:HEX` OCI tools;
`Algorithm`, `Hash`, `Path` PowerShell's Get-FileHash, as a list and as a table; `SHA256 hash of NAME:` and
the digest below it Windows' certutil.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from osie.actions.trust.checksum import HEX_LENGTHS, Checksum

_HEX = r"(?:(?P<prefix>sha256|sha512):)?(?P<hex>[0-9a-f]{64}|[0-9a-f]{128})"
_ALGORITHM = r"SHA(?:2-)?(?P<bits>256|512)"
_LINES = tuple(
    re.compile(line, re.IGNORECASE)
    for line in (
        rf"{_HEX}",
        rf"(?P<escaped>\\?){_HEX}[ \t]+\*?(?P<name>\S.*)",
        rf"(?P<escaped>\\?){_ALGORITHM} ?\((?P<name>.+)\) ?= ?{_HEX}",
        rf"\((?P<name>stdin)\) ?= ?{_HEX}",
        rf"{_ALGORITHM} +{_HEX} +(?P<name>\S.*)",
    )
)
_BLOCKS = tuple(
    re.compile(lines, re.IGNORECASE)
    for lines in (
        rf"Algorithm *: *{_ALGORITHM}\s+Hash *: *{_HEX}\s+Path *: *(?P<name>.+)",
        rf"{_ALGORITHM} hash of (?:file )?(?P<name>.+):\s+(?P<spaced>[0-9a-f ]+)",
    )
)
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_NO_NAMES = ("-", "stdin")  # what was read from a pipe
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\r": "\r"}  # of names, in sha256sum(1)'s lines that begin with a \


class NoLineError(ValueError):
    """The list is one of other files."""


class _Entry(NamedTuple):
    """A digest in the document."""

    name: str  # "": of whatever the document is for
    checksum: Checksum


def find(document: bytes, names: Iterable[str]) -> Checksum:
    """The digest of the file with the first of the names that is there. Folders before names are left out.

    A document whose digests have no names is of one file: ours. SHA-256 where a file has both: it is the
    faster one. Raises ValueError, one sentence, where there is no line for it, or where lines contradict
    each other: NoLineError where another name may be there.
    """
    entries = list(_entries(_text(document)))
    for name in names:
        if checksum := _only([e.checksum for e in entries if name in _short(e.name)], f"for {name}"):
            return checksum
    unnamed = [entry.checksum for entry in entries if not entry.name]
    if len(unnamed) == len(entries) and (checksum := _only(unnamed, "and no names")):
        return checksum
    if not entries:
        raise ValueError("it is no list of SHA-256 or SHA-512 digests")
    beside = f", and {len(unnamed)} without a name" if unnamed else ""
    named = len(entries) - len(unnamed)
    raise NoLineError(f"it has no line for {' or '.join(names)}, but {named} for other files{beside}")


def _text(document: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if document.startswith(mark):
            return document.removeprefix(mark).decode(encoding, errors="replace")
    return document.decode(errors="replace")


def _entries(text: str) -> Iterator[_Entry]:
    for pattern in _BLOCKS:
        for match in pattern.finditer(text):
            yield from _entry(match)
        text = pattern.sub("", text)
    for line in text.splitlines():
        found = next(filter(None, (pattern.fullmatch(line.strip()) for pattern in _LINES)), None)
        if found:
            yield from _entry(found)


def _entry(match: re.Match[str]) -> Iterator[_Entry]:
    """The digest that the match has; none where its length isn't that of the algorithm it names."""
    found = match.groupdict()
    name = (found.get("name") or "").strip()
    if found.get("escaped"):
        name = re.sub(r"\\\\|\\n|\\r", lambda escape: _ESCAPES[escape[0]], name)
    digest = (found.get("hex") or found.get("spaced") or "").replace(" ", "").lower()
    bits = found.get("bits") or (found.get("prefix") or "")[-3:]
    for algorithm, length in HEX_LENGTHS.items():
        if len(digest) == length and algorithm.endswith(bits):
            yield _Entry("" if name in _NO_NAMES else name, Checksum(algorithm, digest))


def _short(name: str) -> set[str]:
    """The name without its folders, Unix' or Windows'."""
    return {name.rpartition("/")[2], name.rpartition("\\")[2]} if name else set()


def _only(found: list[Checksum], whose: str) -> Checksum | None:
    """The digest that these are, the quicker one's first; None where there are none. Raises ValueError."""
    for algorithm in HEX_LENGTHS:
        same = {checksum for checksum in found if checksum.algorithm == algorithm}
        if len(same) > 1:
            raise ValueError(f"it has several {algorithm} digests {whose}")
        if same:
            return same.pop()
    return None
