"""Kernel modules and firmware by what they are for: the tables beside this file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from osie.image.profile.findings import nearest

_FOLDER = Path(__file__).parent


@cache
def module_classes() -> Mapping[str, tuple[str, ...]]:
    """Module names and patterns by class: see module_classes.toml."""
    return _table("module_classes.toml")


@cache
def firmware_classes() -> Mapping[str, tuple[str, ...]]:
    """Debian packages by class: see firmware_classes.toml."""
    return _table("firmware_classes.toml")


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
