"""How resources look: tables for people, YAML and JSON for programs."""

import json
import time
from collections.abc import Callable
from typing import Any

import yaml
from rich.table import Table

from osie.cli.client import Json

_STATE_COLOURS = {"SUCCESS": "green", "FAILED": "red", "TIMEOUT": "red", "RUNNING": "cyan"}


def encode(value: object, form: str) -> str:
    """`value` as "yaml" or "json" text."""
    if form == "json":
        return json.dumps(value, indent=2)
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n")


def age(at: float | None, now: float | None = None) -> str:
    """Since when, in one unit: 12s, 5m, 3h, 2d."""
    if at is None:
        return "-"
    seconds = max(0, int((time.time() if now is None else now) - at))
    for limit, unit, divisor in ((120, "s", 1), (7200, "m", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds // divisor}{unit}"
    return f"{seconds // 86400}d"


def state(text: str) -> str:
    """A state in its colour, as rich markup."""
    colour = _STATE_COLOURS.get(text)
    return f"[{colour}]{text}[/]" if colour else text


def amount(done: float, total: float | None, unit: str) -> str:
    """How far an action is: a percentage where the total is known."""
    if total:
        return f"{min(100, 100 * done / total):.0f}%"
    return f"{done / 1e6:.0f} MB" if unit == "bytes" else f"{done:.0f} {unit}"


def _path(item: Json, *keys: str | int) -> Any:
    value: Any = item
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _text(value: object) -> str:
    return "-" if value in (None, "") else str(value)


def _progress(item: Json) -> str:
    progress = _path(item, "status", "currentAction", "progress")
    if not progress:
        return "-"
    return f"{progress['phase']} {amount(progress['done'], progress.get('total'), progress.get('unit', ''))}"


def _attempt(item: Json) -> str:
    """Shown where there may be more than one."""
    now = _path(item, "status", "currentAction") or {}
    return f"{now['attempt']}/{now['attempts']}" if now.get("attempts", 1) > 1 else "-"


_Column = tuple[str, Callable[[Json], str]]
_NAME: _Column = ("name", lambda i: _text(_path(i, "metadata", "name")))
_AGE: _Column = ("age", lambda i: age(_path(i, "metadata", "createdAt")))
_COLUMNS: dict[str, list[_Column]] = {
    "hardware": [
        _NAME,
        ("mac", lambda i: _text(_path(i, "spec", "interfaces", 0, "dhcp", "mac"))),
        ("address", lambda i: _text(_path(i, "spec", "interfaces", 0, "dhcp", "ip", "address"))),
        ("netboot", lambda i: "on" if _path(i, "spec", "interfaces", 0, "netboot", "allowPXE") else "off"),
        _AGE,
    ],
    "templates": [_NAME, _AGE],
    "workflows": [
        _NAME,
        ("hardware", lambda i: _text(_path(i, "spec", "hardwareRef"))),
        ("template", lambda i: _text(_path(i, "spec", "templateRef"))),
        ("state", lambda i: state(_text(_path(i, "status", "state")))),
        ("action", lambda i: _text(_path(i, "status", "currentAction", "action"))),
        ("attempt", _attempt),
        ("progress", _progress),
        _AGE,
    ],
    "machines": [
        ("mac", lambda i: _text(i.get("mac"))),
        ("hardware", lambda i: _text(i.get("hardware") or "discovered")),
        ("last event", lambda i: _text(_path(i, "lastEvent", "event"))),
        ("seen", lambda i: age(i.get("lastSeen"))),
    ],
}


def table(kind: str, items: list[Json]) -> Table:
    """A table of the API's `kind`."""
    columns = _COLUMNS[kind]
    shown = Table(*(title.upper() for title, _ in columns), box=None, pad_edge=False, header_style="bold")
    for item in items:
        shown.add_row(*(cell(item) for _, cell in columns))
    return shown
