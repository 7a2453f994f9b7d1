"""What JSON, SQLite and PostgreSQL all can hold; what can't be stored, and what is shown in its place."""

import math
from typing import Any

DEPTH = 200  # lists and mappings within each other: what is stored is walked by recursion, here and by others


def unstorable(value: Any, path: tuple[int | str, ...] = ()) -> list[tuple[tuple[int | str, ...], str]]:
    """Find what has no place in JSON or in a database: (path, reason) of each."""
    if isinstance(value, dict | list) and len(path) >= DEPTH:
        return [((), f"is nested more than {DEPTH} deep")]
    if isinstance(value, dict):
        items = [((*path, printed(key)), key, item) for key, item in value.items()]
        keys = [(place, f"the key {_fault(key)}") for place, key, _ in items if _fault(key)]
        return keys + [found for place, _, item in items for found in unstorable(item, place)]
    if isinstance(value, list):
        return [found for number, item in enumerate(value) for found in unstorable(item, (*path, number))]
    reason = _fault(value)
    return [(path, reason)] if reason else []


def _fault(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number"
    if isinstance(value, str) and "\0" in value:
        return "has a NUL character in it"
    if isinstance(value, str) and printed(value) != value:
        return "has half of a surrogate pair in it, which is no character"
    return ""


def printed(text: str) -> str:
    """Replace what has no place in UTF-8."""
    return text.encode(errors="replace").decode()


def storable(value: Any, depth: int = DEPTH) -> Any:
    """Give the value back with what can't be stored replaced, so that one bad row hides no other."""
    if isinstance(value, dict | list) and depth <= 0:
        return "..."
    if isinstance(value, dict):
        return {storable(str(key)): storable(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item, depth - 1) for item in value]
    if isinstance(value, str):
        return printed(value).replace("\0", "\ufffd")
    return str(value) if _fault(value) else value
