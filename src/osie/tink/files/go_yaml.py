"""toYaml and fromYaml as upstream's templates have them: by way of JSON, and in go-yaml's style.

Source: sigs.k8s.io/yaml 1.6, which upstream calls: what it writes are the bytes that come of it, and what it
reads are JSON's values, so that every number is a float64.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from gotpl.runtime.gofmt import sprintf

from osie.tink.domain.scalars import value_of
from osie.tink.files import documents

# Text that a reader of YAML 1.1 would take for something else, besides what `value_of` knows.
_DATE, _CLOCK = r"\d{4}-\d{1,2}-\d{1,2}", r"\d{1,2}:\d{2}:\d{2}(\.\d*)?"
_TIME = re.compile(rf"{_DATE}([Tt ][ \t]*{_CLOCK}([ \t]*(Z|[-+]\d{{1,2}}(:\d{{2}})?))?)?")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_RUN = re.compile(r"(\d+)")
_MOST_PLAIN = "\uffff"  # go-yaml escapes characters beyond
_MOST_UINT = 2**64  # a number from here on is a float to go-yaml, however it is written


class _Emitter(yaml.SafeDumper):
    """Writes an empty key as any other."""

    def check_simple_key(self) -> bool:
        empty = isinstance(self.event, yaml.ScalarEvent) and not self.event.value
        return empty or bool(super().check_simple_key())


def as_json(value: Any) -> Any:
    """`value` with numbers as Go has them that come from JSON: float64, all of them."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def from_yaml(text: str) -> object:
    """The value that YAML text holds. Raises ValueError."""
    if not text.strip():
        raise ValueError("fromYaml: no text")
    return as_json(documents.read_values(text))


def to_yaml(value: object) -> str:
    """`value` as YAML, keys in go-yaml's order, no newline at the end. Raises ValueError."""
    events = [
        *(yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False)),
        *_events(value),
        *(yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()),
    ]
    text: str = yaml.emit(events, Dumper=_Emitter, allow_unicode=True, width=math.inf)
    return text.removesuffix("\n").removesuffix("\n...")


def _events(value: object) -> Iterator[yaml.Event]:
    if isinstance(value, dict):
        yield yaml.MappingStartEvent(anchor=None, tag=None, implicit=True, flow_style=not value)
        for key in sorted(map(str, value), key=_order):
            yield _text(key)
            yield from _events(value[key])
        yield yaml.MappingEndEvent()
    elif isinstance(value, list | tuple):
        yield yaml.SequenceStartEvent(anchor=None, tag=None, implicit=True, flow_style=not value)
        for item in value:
            yield from _events(item)
        yield yaml.SequenceEndEvent()
    elif isinstance(value, str):
        yield _text(value)
    else:
        yield _scalar(_plain(value))


def _plain(value: object) -> str:
    """What is no text, as go-yaml writes it."""
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, float) or not math.isfinite(value):
        raise ValueError(f"toYaml: JSON has no {type(value).__name__} like {value}")
    # JSON writes whole numbers without an exponent, so that go-yaml takes them for integers.
    return str(int(value)) if value.is_integer() and abs(value) < _MOST_UINT else str(sprintf("%v", value))


def _text(text: str) -> yaml.Event:
    if "\n" in text:
        return _scalar(text, "|")
    plain = bool(text) and isinstance(value_of(text), str) and max(text) <= _MOST_PLAIN
    other = text == "<<" or _TIME.fullmatch(text) or _BASE_60.fullmatch(text)
    return _scalar(text, None if plain and not other else '"')


def _scalar(text: str, style: str | None = None) -> yaml.Event:
    return yaml.ScalarEvent(anchor=None, tag=None, implicit=(True, True), value=text, style=style)


def _order(key: str) -> list[tuple[int, int, str]]:
    """By which go-yaml sorts keys: numbers in them by their value, letters behind what is none."""
    parts: list[tuple[int, int, str]] = []
    for part in _RUN.split(key):
        if part.isdigit():
            parts.append((0, int(part), part))
        else:
            parts += [(2 if letter.isalpha() else 1, 0, letter) for letter in part]
    return parts
