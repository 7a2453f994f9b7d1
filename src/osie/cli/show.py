"""How resources look: tables for people, YAML and JSON for programs."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import yaml
from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from osie.cli.client import Json
from osie.cli.telling import shown
from osie.tink.files.documents import Dumper

_GAP = 2  # between columns, as rich pads them
_STATE_COLOURS = {"SUCCESS": "green", "FAILED": "red", "TIMEOUT": "red", "RUNNING": "cyan"}
# The API's moments, in unix seconds; and what isn't the API's to name: an operator's, or a machine's, words.
_MOMENTS = {"at", "createdAt", "updatedAt", "executionStart", "executionStop", "notBefore", "silentSince",
            "firstSeen", "lastSeen"}  # fmt: skip
_OTHERS = {"spec", "labels", "annotations", "attributes", "fields"}


def dated(value: Any) -> Any:
    """What the API answered with its moments as RFC 3339 has them, to the millisecond."""
    if isinstance(value, list):
        return [dated(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: item if key in _OTHERS else _moment(item) if key in _MOMENTS else dated(item)
        for key, item in value.items()
    }


def _moment(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(value: object, form: str) -> str:
    """`value` as "yaml" or "json" text."""
    if form == "json":
        return json.dumps(value, indent=2)
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    if shown(text) != text:  # YAML lets Unicode's format characters stand as they are
        text = yaml.dump(value, Dumper=_Dumper, sort_keys=False)
    return text.rstrip("\n")


def encode_all(values: list[Json], form: str) -> str:
    """Several, so that `osie apply` takes them again: documents in YAML, one List in JSON, as kubectl's."""
    if form == "json":
        return encode({"apiVersion": "v1", "kind": "List", "items": values}, form)
    return "\n---\n".join(encode(value, form) for value in values)


class _Dumper(Dumper):
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
    return f"{done / 1e6:.0f} MB" if unit == "bytes" else f"{done:.0f} {_text(unit)}"


def _path(item: Json, *keys: str | int) -> Any:
    value: Any = item
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _text(value: object) -> str:
    """One line, as rich markup: brackets in names are theirs."""
    return "-" if value in (None, "") else escape(shown(" ".join(str(value).splitlines())))


def _progress(item: Json) -> str:
    progress = _path(item, "status", "currentAction", "progress")
    if not progress:
        return "-"
    done = amount(progress["done"], progress.get("total"), progress.get("unit", ""))
    return f"{_text(progress['phase'])} {done}"


def _attempt(item: Json) -> str:
    """Shown where there may be more than one."""
    now = _path(item, "status", "currentAction") or {}
    return f"{now['attempt']}/{now['attempts']}" if now.get("attempts", 1) > 1 else "-"


def _message(item: Json) -> str:
    first, *_ = str(_path(item, "status", "message") or "").splitlines() or [""]
    return _text(first if len(first) <= 80 else first[:79] + "…")


def _netboot(item: Json) -> str:
    return "on" if _path(item, "spec", "interfaces", 0, "netboot", "allowPXE") else "off"


def _noted(item: Json) -> str:
    """What else is to be known of a workflow's state."""
    if _path(item, "status", "disabled"):
        return " [yellow]disabled[/]"
    return " [yellow]silent[/]" if _path(item, "status", "silentSince") else ""


def _labels(item: Json) -> str:
    labels = _path(item, "metadata", "labels") or {}
    return _text(",".join(f"{key}={value}" for key, value in sorted(labels.items())))


class _Column(NamedTuple):
    title: str
    cell: Callable[[Json], str]
    ticks: bool = False  # an age: it is another every second, and nothing has changed
    spare: int = 0  # left out where there is no room, the highest first; 0: never


_NAME = _Column("name", lambda i: _text(_path(i, "metadata", "name")))
_AGE = _Column("age", lambda i: age(_path(i, "metadata", "createdAt")), ticks=True, spare=3)
_COLUMNS: dict[str, list[_Column]] = {
    "hardware": [
        _NAME,
        _Column("mac", lambda i: _text(_path(i, "spec", "interfaces", 0, "dhcp", "mac"))),
        _Column(
            "address", lambda i: _text(_path(i, "spec", "interfaces", 0, "dhcp", "ip", "address")), spare=1
        ),
        _Column("netboot", _netboot, spare=2),
        _AGE,
    ],
    "templates": [_NAME, _AGE],
    "workflows": [
        _NAME,
        _Column("hardware", lambda i: _text(_path(i, "spec", "hardwareRef")), spare=4),
        _Column("template", lambda i: _text(_path(i, "spec", "templateRef")), spare=5),
        _Column("state", lambda i: state(_text(_path(i, "status", "state"))) + _noted(i)),
        _Column("action", lambda i: _text(_path(i, "status", "currentAction", "action"))),
        _Column("attempt", _attempt, spare=2),
        _Column("progress", _progress, spare=1),
        _AGE,
    ],
    "machines": [
        _Column("mac", lambda i: _text(i.get("mac"))),
        _Column("hardware", lambda i: _text(i.get("hardware") or "discovered")),
        _Column("last event", lambda i: _text(_path(i, "lastEvent", "event"))),
        _Column("seen", lambda i: age(i.get("lastSeen")), ticks=True, spare=1),
    ],
}


# What "wide" adds; before the age, which stays last.
_WIDE: dict[str, list[_Column]] = {
    "hardware": [
        _Column("agent", lambda i: _text(_path(i, "spec", "agentID"))),
        _Column("disk", lambda i: _text(_path(i, "spec", "disks", 0, "device"))),
        _Column("labels", _labels),
    ],
    "templates": [_Column("labels", _labels)],
    "workflows": [
        _Column("run", lambda i: _text(_path(i, "status", "run"))),
        _Column("cause", lambda i: _text(_path(i, "status", "cause"))),
        _Column("message", _message),
        _Column("labels", _labels),
    ],
    "machines": [_Column("first seen", lambda i: age(i.get("firstSeen")), ticks=True)],
}


def _columns(kind: str, *, wide: bool) -> list[_Column]:
    columns = _COLUMNS[kind]
    return [*columns[:-1], *_WIDE[kind], columns[-1]] if wide else columns


def key(item: Json) -> str:
    """What tells an item of a list from the others."""
    return str(item["mac"]) if "mac" in item else "/".join(item["metadata"][k] for k in ("namespace", "name"))


def steady(kind: str, item: Json, *, wide: bool = False) -> list[str]:
    """An item's cells but for its ages: while they are the same, nothing has changed."""
    return [column.cell(item) for column in _columns(kind, wide=wide) if not column.ticks]


def latest(item: Json) -> float:
    """When something last happened to an item, as far as it tells."""
    told = (
        _path(item, "lastSeen"),
        _path(item, "metadata", "createdAt"),
        _path(item, "status", "executionStart"),
        _path(item, "status", "executionStop"),
    )
    return max((float(at) for at in told if at), default=0.0)


def _fitting(columns: list[_Column], items: list[Json], width: int) -> list[_Column]:
    """As many of the columns as have room side by side."""
    taken = {
        column.title: max(
            [cell_len(column.title), *(Text.from_markup(column.cell(item)).cell_len for item in items)]
        )
        for column in columns
    }
    left = list(columns)
    while sum(taken.values()) + _GAP * (len(left) - 1) > width and any(column.spare for column in left):
        out = max(left, key=lambda column: column.spare)
        left.remove(out)
        del taken[out.title]
    return left


def table(kind: str, items: list[Json], *, wide: bool = False, width: int | None = None) -> Table:
    """A table of the API's `kind`; with their namespaces, where not all are in the default one.

    Columns are left out for what is wider than `width`; never of the wide table, all of which was asked for.
    """
    columns = _columns(kind, wide=wide)
    spaces = [_path(item, "metadata", "namespace") or "default" for item in items]
    placed = kind != "machines" and set(spaces) - {"default"}
    if width is not None and not wide:
        columns = _fitting(columns, items, width - (max(map(len, spaces)) + _GAP if placed else 0))
    made = Table(box=None, pad_edge=False, header_style="bold")
    for title in (["NAMESPACE"] if placed else []) + [column.title.upper() for column in columns]:
        made.add_column(title, no_wrap=True)
    for item, space in zip(items, spaces, strict=True):
        made.add_row(*([_text(space)] if placed else []), *(column.cell(item) for column in columns))
    return made
