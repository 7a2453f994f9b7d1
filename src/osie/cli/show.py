"""How resources look: tables for people, YAML and JSON for programs."""

import json
import time
from collections.abc import Callable
from typing import Any

import yaml
from rich.markup import escape
from rich.table import Table

from osie.cli.client import Json

_STATE_COLOURS = {"SUCCESS": "green", "FAILED": "red", "TIMEOUT": "red", "RUNNING": "cyan"}


def encode(value: object, form: str) -> str:
    """`value` as "yaml" or "json" text."""
    if form == "json":
        return json.dumps(value, indent=2)
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True).rstrip("\n")


def encode_all(values: list[Json], form: str) -> str:
    """Several, so that `osie apply` takes them again: documents in YAML, one List in JSON, as kubectl's."""
    if form == "json":
        return encode({"apiVersion": "v1", "kind": "List", "items": values}, form)
    return "\n---\n".join(encode(value, form) for value in values)


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, as whoever wrote a template had it."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block)


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


def _message(item: Json) -> str:
    text = _text(_path(item, "status", "message"))
    first = text.splitlines()[0]
    return escape(first if len(first) <= 80 else first[:79] + "…")


def _silent(item: Json) -> str:
    since = _path(item, "status", "silentSince")
    return " [yellow]silent[/]" if since else ""


def _labels(item: Json) -> str:
    labels = _path(item, "metadata", "labels") or {}
    return _text(",".join(f"{key}={value}" for key, value in sorted(labels.items())))


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
        ("state", lambda i: state(_text(_path(i, "status", "state"))) + _silent(i)),
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


# What "wide" adds; before the age, which stays last.
_WIDE: dict[str, list[_Column]] = {
    "hardware": [
        ("agent", lambda i: _text(_path(i, "spec", "agentID"))),
        ("disk", lambda i: _text(_path(i, "spec", "disks", 0, "device"))),
        ("labels", _labels),
    ],
    "templates": [("labels", _labels)],
    "workflows": [
        ("run", lambda i: _text(_path(i, "status", "run"))),
        ("cause", lambda i: _text(_path(i, "status", "cause"))),
        ("message", _message),
        ("labels", _labels),
    ],
    "machines": [("first seen", lambda i: age(i.get("firstSeen")))],
}


def _columns(kind: str, *, wide: bool) -> list[_Column]:
    columns = _COLUMNS[kind]
    return [*columns[:-1], *_WIDE[kind], columns[-1]] if wide else columns


def key(item: Json) -> str:
    """What tells an item of a list from the others."""
    return str(item["mac"]) if "mac" in item else "/".join(item["metadata"][k] for k in ("namespace", "name"))


def row(kind: str, item: Json, *, wide: bool = False) -> list[str]:
    """An item's cells, as rich markup."""
    return [cell(item) for _, cell in _columns(kind, wide=wide)]


def table(kind: str, items: list[Json], *, wide: bool = False) -> Table:
    """A table of the API's `kind`; with their namespaces, where not all are in the default one."""
    titles = [title.upper() for title, _ in _columns(kind, wide=wide)]
    spaces = [_path(item, "metadata", "namespace") or "default" for item in items]
    placed = kind != "machines" and set(spaces) - {"default"}
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in (["NAMESPACE"] if placed else []) + titles:
        shown.add_column(title, no_wrap=True)
    for item, space in zip(items, spaces, strict=True):
        shown.add_row(*([space] if placed else []), *row(kind, item, wide=wide))
    return shown
