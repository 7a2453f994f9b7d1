"""Where the bytes go, as a tree for a person: the largest first, what is small taken together. Pure."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from osie.cli.progress import megabytes

Sizes: TypeAlias = "Mapping[str, int | Sizes]"  # bytes by name, or what a part consists of

_SMALL = 0.004  # of the whole: what takes less isn't worth a line
_NAME_WIDTH = 38


def lines(sizes: Sizes) -> Iterator[str]:
    """One line a part: its name, its size, its share of the whole."""
    yield from _below(sizes, "", max(1, total(sizes)))


def total(sizes: "int | Sizes") -> int:
    """Bytes of all there is."""
    return sizes if isinstance(sizes, int) else sum(total(part) for part in sizes.values())


def _below(sizes: Sizes, indent: str, whole: int) -> Iterator[str]:
    ordered = sorted(sizes.items(), key=lambda item: -total(item[1]))
    told = [item for item in ordered if not indent or total(item[1]) >= whole * _SMALL]
    rest = ordered[len(told) :]
    if rest:
        told.append((f"{len(rest)} smaller", sum(total(part) for _, part in rest)))
    for number, (name, part) in enumerate(told, start=1):
        last = number == len(told)
        label = f"{indent}{'└─ ' if last else '├─ '}{name}"
        size = total(part)
        yield f"{label:<{_NAME_WIDTH}} {megabytes(size):>8} {100 * size / whole:5.1f} %"
        if not isinstance(part, int):
            yield from _below(part, indent + ("   " if last else "│  "), whole)
