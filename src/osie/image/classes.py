"""Kernel modules and firmware by what they are for: the tables beside this file, and their nearest word."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def module_classes() -> Mapping[str, tuple[str, ...]]:
    """Module names and patterns by class: see module_classes.toml."""
    return _table("module_classes.toml")


@cache
def firmware_classes() -> Mapping[str, tuple[str, ...]]:
    """Debian packages by class: see firmware_classes.toml."""
    return _table("firmware_classes.toml")


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` with the most similar known word, or nothing."""
    similar = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {similar[0]!r}?" if similar else ""


def known_class(kind: str, name: str, classes: Mapping[str, object]) -> str:
    """The name, where it is a class of that kind. Raises ValueError with the nearest and all there are."""
    if name not in classes:
        known = sorted(classes)
        raise ValueError(
            f"unknown {kind} class {name!r}{nearest(name, known)} The classes are: {', '.join(known)}"
        )
    return name


def _table(name: str) -> Mapping[str, tuple[str, ...]]:
    return {key: tuple(entries) for key, entries in tomllib.loads((_FOLDER / name).read_text()).items()}
