"""A profile as the TOML text that would give it again: all that it extends taken in. Pure."""

import json
from collections.abc import Iterable, Mapping

from osie.image.profile.profile import Profile

_WIDTH = 100


def text(profile: Profile) -> str:
    """The whole profile; what is empty is left out."""
    values = profile.model_dump(mode="json", exclude_none=True)
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    arrays = {key: values.pop(key) for key in ("files", "images")}
    plain = {key: value for key, value in values.items() if key not in tables and value != ""}
    lines = list(_pairs(plain))
    for key, table in tables.items():
        lines += ["", f"[{key}]", *_pairs(table)]
    for key, entries in arrays.items():
        for entry in entries:
            lines += ["", f"[[{key}]]", *_pairs(entry)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, object]) -> Iterable[str]:
    return (f"{key} = {_value(value)}" for key, value in table.items() if value != [])


def _value(value: object) -> str:
    if not isinstance(value, list):
        return _scalar(value)
    entries = [_scalar(entry) for entry in value]
    line = f"[{', '.join(entries)}]"
    return line if len(line) < _WIDTH else "[\n" + "".join(f"    {entry},\n" for entry in entries) + "]"


def _scalar(value: object) -> str:
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped too.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
