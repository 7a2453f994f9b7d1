"""The rows of the table: each way in which an image, or the way to it, can be bad."""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from integration.matrix.formats import NAMES, PARTS, SECTOR, Stored
from unruly import Answer, flipped

_GARBAGE = random.Random(5).randbytes(SECTOR)
_GIVES_UP = {"RETRY_DURATION_MINUTES": "0.01"}  # after another try
_PATIENT = {"RETRY_DURATION_MINUTES": "1"}
_STALLED = {"STALL_TIMEOUT_SECONDS": "0.3"}  # given up and taken up again

TO_ITSELF = "to itself"  # a redirect's location: the file's own URL
_GZIP = ("gzip", "gzip, members")


@dataclass(frozen=True)
class Served:
    """What the server has instead of the stored image, and how it answers."""

    body: bytes
    answers: tuple[Answer, ...] = ()


Serve = Callable[[Stored], Served]
When = Callable[[str, str], bool]  # of a format and a kind of trust


def _always(_format: str, _trust: str) -> bool:
    return True


def _never(_format: str, _trust: str) -> bool:
    return False


@dataclass(frozen=True)
class Fault:
    """One row."""

    name: str  # for people
    where: Literal["file", "way"]  # the stored file is bad, or only what is between it and the disk
    serve: Serve
    recovers: When  # whether the right bytes are to be installed all the same
    early: When = _never  # where not: whether it is to be noticed before the disk is touched
    says: str = ""  # the error's line has a match of this pattern
    environment: dict[str, str] = field(default_factory=lambda: _PATIENT)
    mirror: Callable[[Stored], bytes] | None = None  # what a second server has
    formats: tuple[str, ...] = NAMES


def _file(name: str, change: Callable[[Stored], bytes], says: str, **known: Any) -> Fault:
    """The stored file is bad. Nothing can be recovered."""
    return Fault(name, "file", lambda stored: Served(change(stored)), _never, says=says, **known)


def _way(name: str, *answers: Callable[[Stored], Answer], recovers: When = _always, **known: Any) -> Fault:
    """The stored file is right, and the server answers in this way, the last answer for ever."""
    return Fault(
        name,
        "way",
        lambda stored: Served(stored.data, tuple(answer(stored) for answer in answers)),
        recovers,
        **known,
    )


def _lost(name: str, *answers: Callable[[Stored], Answer], says: str, **known: Any) -> Fault:
    """The same, and nothing can be recovered."""
    return _way(name, *answers, recovers=_never, says=says, **known)


def _as(**known: Any) -> Callable[[Stored], Answer]:
    return lambda _stored: Answer(**known)


def _breaks(then: Literal["close", "reset", "stall"]) -> Callable[[Stored], Answer]:
    return lambda stored: Answer(upto=stored.at(50), then=then)


def _really_gzipped(stored: Stored) -> Answer:
    return Answer(body=gzip.compress(stored.data, 1, mtime=0), headers={"Content-Encoding": "gzip"})


def _another_image(etag: str) -> Callable[[Stored], Answer]:
    return lambda stored: Answer(body=stored.data[::-1], etag=etag)


def _shorter(stored: Stored) -> Answer:
    return Answer(longer=-SECTOR if stored.name == "raw" else -100)


_CUT = r"truncated|cut off|empty|digest is|manifest"
_WRONG = r"corrupt|truncated|digest is|manifest"

FAULTS = (
    _way("nothing", _as()),
    _file("cut at 0 %: empty", lambda _stored: b"", _CUT, early=_always),
    _file("cut at 1 %", lambda stored: stored.data[: stored.at(1)], _CUT),
    _file("cut at 50 %", lambda stored: stored.data[: stored.at(50)], _CUT),
    _file("cut at 99 %", lambda stored: stored.data[: stored.at(99)], _CUT),
    _file("cut before the last byte", lambda stored: stored.data[:-1], _CUT),
    _file(
        "cut between two members or frames", lambda stored: stored.data[: stored.between], _CUT, formats=PARTS
    ),
    _file("one bit flipped at 1 %", lambda stored: flipped(stored.data, stored.at(1)), _WRONG),
    _file("one bit flipped at 50 %", lambda stored: flipped(stored.data, stored.at(50)), _WRONG),
    _file("one bit flipped at 99 %", lambda stored: flipped(stored.data, stored.at(99)), _WRONG),
    Fault(
        "garbage after the end",
        "file",
        lambda stored: Served(stored.data + _GARBAGE),
        # what came out is the manifest's, so that the rest is left out, and told
        recovers=lambda name, trust: name != "raw" and trust == "manifest",
        says=_WRONG,
    ),
    _way("connection closed in the middle, once", _breaks("close"), _as()),
    _lost(
        "connection closed in the middle, every time",
        _breaks("close"),
        says="connection ended",
        environment=_GIVES_UP,
    ),
    _way("the same, and a mirror has the image", _breaks("close"), mirror=lambda stored: stored.data),
    _lost(
        "the same, and a mirror has another image",
        _breaks("close"),
        mirror=lambda stored: stored.data[::-1],
        says=f"connection ended|{_WRONG}",
        environment=_GIVES_UP,
    ),
    _way("reset in the middle, once", _breaks("reset"), _as()),
    _lost("reset in the middle, every time", _breaks("reset"), says="reset", environment=_GIVES_UP),
    _way("stall in the middle, once", _breaks("stall"), _as(), environment=_PATIENT | _STALLED),
    _lost(
        "stall in the middle, for ever",
        _breaks("stall"),
        says="nothing arrives|only a few bytes",
        environment=_GIVES_UP | _STALLED,
    ),
    _way("500 in the middle, once", _breaks("close"), _as(status=500), _as()),
    _lost(
        "500 in the middle, for ever",
        _breaks("close"),
        _as(status=500),
        says="answers 500|connection ended",
        environment=_GIVES_UP,
    ),
    _lost("500 from the start", _as(status=500), early=_always, says="answers 500", environment=_GIVES_UP),
    _lost(
        "redirect loop", _as(status=302, location=TO_ITSELF), says="redirect|30[0-9]", environment=_GIVES_UP
    ),
    _way("Range ignored after a reset", _breaks("reset"), _as(ranges=False)),
    _lost(
        "another Content-Range than asked for",
        _breaks("close"),
        _as(content_range="bytes 0-9/99"),
        says="range|changed",
    ),
    _lost("Content-Length too short", _shorter, says=f"{_CUT}|sends more than"),
    _lost(
        "Content-Length too long",
        _as(longer=SECTOR),
        says="connection ended|only a few bytes|416|manifest|digest is",
        environment=_GIVES_UP,
    ),
    _way(
        "no Content-Length",
        _as(sized=False, ranges=False),
        recovers=lambda name, trust: name != "raw" or trust != "no digest",
        early=_always,
        says="nothing could tell",
    ),
    _way(
        "garbage after Content-Length",
        _as(after=_GARBAGE),
        recovers=lambda _name, trust: trust != "no digest",
        says="sends more than",
    ),
    _way(
        "Content-Encoding: gzip on what is stored",
        _as(headers={"Content-Encoding": "gzip"}),
        recovers=lambda name, _trust: name in _GZIP,
        early=_always,
        says="Content-Encoding",
    ),
    _way(
        "Content-Encoding: gzip, and gzipped",
        _really_gzipped,
        recovers=lambda name, trust: name == "raw" and trust != "digest",
        says="twice|Content-Encoding|digest is|manifest",
    ),
    _lost("ETag changed in the middle, not the image", _breaks("close"), _as(etag='"2"'), says="changed"),
    _lost("ETag and image changed in the middle", _breaks("close"), _another_image('"2"'), says="changed"),
    _lost("image changed in the middle, not the ETag", _breaks("close"), _another_image('"1"'), says=_WRONG),
    _lost(
        "one bit flipped on the way, once",
        lambda stored: Answer(flip=stored.at(50)),
        _as(),
        says=_WRONG,
    ),
)

# What nobody can see who doesn't know what to expect, by format; without a digest only. That the operator was
# warned is tested, and that nothing stands here without need.
_ANY_SECTORS = ("cut at 1 %", "cut at 50 %", "cut at 99 %", "garbage after the end")
_FLIPS = (
    "one bit flipped at 1 %",
    "one bit flipped at 50 %",
    "one bit flipped at 99 %",
    "one bit flipped on the way, once",
)
UNSEEN_WITHOUT_DIGEST = {
    # any whole sectors may be a disk's image
    "raw": {*_ANY_SECTORS, *_FLIPS, "image changed in the middle, not the ETag"},
    "zstd, unchecked": {*_FLIPS},  # the checksum was left out
    "gzip, members": {"cut between two members or frames"},  # whole ones are missing
    "zstd, frames": {"cut between two members or frames"},
}
