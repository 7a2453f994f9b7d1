"""A command line that no shell reads: words between blanks, commands between semicolons, and quoting.

Upstream's cexec cuts at each `;` and each blank, with no quoting at all. What it takes is taken here alike,
but for quotes, which here hold a word together and are not part of it. So a backslash is one, as there,
unless it stands before a character that it keeps from its meaning: in `s/\\./-/` and `\\$` it stays.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# escaped; in single quotes; in double quotes, where it escapes those and itself; `;`; blanks; any other
_TOKEN = re.compile(r"""\\([\s;'"\\])|'([^']*)'|"((?:[^"\\]|\\.)*)"|(;)|(\s+)|(.)""", re.DOTALL)
_ESCAPED, _SINGLE, _DOUBLE, _SEMICOLON, _BLANKS, _OTHER = range(1, 7)
_IN_DOUBLE = re.compile(r"""\\(["\\])""")
_A_SHELLS = re.compile(r"&&|\|\|?|&|\d?(>>?|<)(&\d)?")


class Word(NamedTuple):
    """A word of a command."""

    text: str
    plain: bool  # nothing of it was quoted or escaped


def commands(line: str) -> tuple[tuple[Word, ...], ...]:
    """The commands that have any words. Raises ValueError where a quote isn't closed."""
    found: list[list[Word]] = [[]]
    for word in _words(line):
        if word is None:
            found.append([])
        else:
            found[-1].append(word)
    return tuple(tuple(words) for words in found if words)


def for_a_shell(words: tuple[Word, ...]) -> str:
    """The first word that means something to a shell, and nothing to a command; "" where there is none."""
    return next((word.text for word in words if word.plain and _A_SHELLS.fullmatch(word.text)), "")


def _words(line: str) -> Iterator[Word | None]:
    """The words; None for a `;` that separates commands."""
    text, plain, begun = "", True, False
    for token in _TOKEN.finditer(line):
        kind = token.lastindex or 0
        if kind in (_SEMICOLON, _BLANKS):
            if begun:
                yield Word(text, plain)
            if kind == _SEMICOLON:
                yield None
            text, plain, begun = "", True, False
            continue
        text += _meant(kind, token[kind])
        plain, begun = plain and kind == _OTHER, True
    if begun:
        yield Word(text, plain)


def _meant(kind: int, found: str) -> str:
    """What a token adds to its word."""
    if kind == _OTHER and found in "'\"":
        raise ValueError(f"a quote ({found}) isn't closed")
    return _IN_DOUBLE.sub(r"\1", found) if kind == _DOUBLE else found
