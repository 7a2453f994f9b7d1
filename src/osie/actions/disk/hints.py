"""The hints by which DEST_DISK may tell of a disk: docs/reference/choosing-a-disk.md. No effects."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

from osie.actions.disk.inventory import Disk
from osie.actions.progress import size
from osie.contracts.flag import flag

RANKS = ("smallest", "first")
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_NEARLY = 0.01  # `size=480GB` is a disk that is sold as one


class Hint(NamedTuple):
    """One thing that a disk must be."""

    text: str  # as it was given
    names_one: bool  # what it tells is some one disk's own
    mismatch: Callable[[Disk], str]  # what the disk is instead; empty where it fits


class Hints(NamedTuple):
    """What a disk must be, and which one is taken of several."""

    hints: tuple[Hint, ...]
    rank: str  # smallest, first, or none

    @property
    def name_one(self) -> bool:
        """Whether somebody had one particular disk in mind."""
        return any(hint.names_one for hint in self.hints)


def parse(text: str) -> Hints:
    """Read hints, separated by commas. Raises ValueError with a sentence's end: the caller says of what."""
    hints, ranks = [], []
    for word in (part.strip() for part in text.split(",")):
        if word in RANKS:
            ranks.append(word)
        else:
            hints.append(_hint(word))
    if len(ranks) > 1:
        raise ValueError(f"says both {' and '.join(ranks)}")
    return Hints(tuple(hints), ranks[0] if ranks else "")


def _hint(word: str) -> Hint:
    cut = re.fullmatch(r"([a-z-]+)\s*(=|>=|<=)\s*(\S.*)", word)
    if cut is None:
        known = ", ".join((*_NAMES, "size", "rotational"))
        raise ValueError(
            f"holds {word!r}: expected a path, or KEY=VALUE of {known}, or {' or '.join(RANKS)}, with commas"
        )
    key, operator, value = cut.groups()
    if key == "size":
        return Hint(word, False, _size(word, operator, value))
    if operator != "=":
        raise ValueError(f"holds {word!r}: only size takes {operator}")
    if key == "rotational":
        return Hint(word, False, _rotational(word, value))
    if key not in _NAMES:
        raise ValueError(f"holds {word!r}: {key} is none of {', '.join((*_NAMES, 'size', 'rotational'))}")
    return Hint(word, key not in ("model", "bus"), _named(key, value))


_NAMES: dict[str, Callable[[Disk], tuple[str, ...]]] = {
    "by-id": lambda disk: _linked(disk, "by-id"),
    "by-path": lambda disk: _linked(disk, "by-path"),
    "serial": lambda disk: disk.serials,
    "wwn": lambda disk: disk.wwns,
    "model": lambda disk: (disk.model,) if disk.model else (),
    "bus": lambda disk: (disk.bus,),
}


def _linked(disk: Disk, kind: str) -> tuple[str, ...]:
    return tuple(link.removeprefix(f"{kind}/") for link in disk.links if link.startswith(f"{kind}/"))


def _plain(key: str, name: str) -> str:
    """A name as it is compared: sources differ in case, in prefixes of a WWN, in spaces of a model."""
    lowered = name.lower().removeprefix(f"/dev/disk/{key}/")
    if key == "wwn":
        return re.sub(r"^(0x|naa\.|eui\.)", "", lowered)
    return lowered.replace("_", " ") if key == "model" else lowered


def _named(key: str, value: str) -> Callable[[Disk], str]:
    pattern = _plain(key, value)

    def mismatch(disk: Disk) -> str:
        names = _NAMES[key](disk)
        if any(fnmatchcase(_plain(key, name), pattern) for name in names):
            return ""
        return f"its {key} is {' or '.join(names)}" if names else f"it has no {key}"

    return mismatch


def _rotational(word: str, value: str) -> Callable[[Disk], str]:
    wanted = flag(value)
    if wanted is None:
        raise ValueError(f"holds {word!r}: expected rotational=true or rotational=false")
    return lambda disk: (
        "" if disk.rotational == wanted else f"it is {'' if disk.rotational else 'not '}rotational"
    )


def _size(word: str, operator: str, value: str) -> Callable[[Disk], str]:
    try:
        least, most = _limits(operator, value)
    except ValueError:
        raise ValueError(
            f"holds {word!r}: expected size=480GB, size>=100GiB, size<=2TB or size=400GB..600GB"
        ) from None
    return lambda disk: "" if least <= disk.size <= most else f"its size is {size(disk.size)}"


def _limits(operator: str, value: str) -> tuple[float, float]:
    """The least and the most bytes. Raises ValueError."""
    least, dots, most = value.partition("..")
    if dots and operator == "=" and (least or most):
        low, high = _bytes(least) if least else 0.0, _bytes(most) if most else float("inf")
        if low > high:
            raise ValueError
        return low, high
    nominal = _bytes(value)
    if operator == ">=":
        return nominal, float("inf")
    if operator == "<=":
        return 0.0, nominal
    return nominal * (1 - _NEARLY), nominal * (1 + _NEARLY)


def _bytes(text: str) -> float:
    cut = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if cut is None or cut[2].lower() not in _UNITS:
        raise ValueError(text)
    return float(cut[1]) * _UNITS[cut[2].lower()]
