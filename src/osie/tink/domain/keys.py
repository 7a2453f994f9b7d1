"""The keys of a document: their places as text, and those that nobody reads with what was meant. Pure."""

import difflib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args, get_origin

from osie.core import storable
from osie.tink.domain import scalars

Path = tuple[int | str, ...]
_LONGEST = 64  # characters of a key that is compared
_ALIKE = 0.8  # of difflib's ratio: one letter of five may be wrong
# What other programs call it. It isn't a slip of the finger, so that it is told and not refused.
_OTHER_WORDS = {
    "args": "command",
    "cmd": "command",
    "entrypoint": "command",
    "env": "environment",
    "dns": "name_servers",
    "ntp": "time_servers",
    "macaddress": "mac",
    "ipaddress": "address",
    "router": "gateway",
}


class Stray(NamedTuple):
    """A key that the form doesn't have."""

    path: Path
    near: str  # the key that it looks like; "": none
    other: str = ""  # the key of the same meaning; "": none


def path_of(parts: Sequence[int | str]) -> str:
    """Keys and numbers as one text: spec.interfaces[0].dhcp.mac."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")


def nearest(key: str, known: Iterable[str]) -> str:
    """The known key that `key` is a misspelling of; "": none is near. Case, `_` and `-` don't count."""
    return _nearest(key[:_LONGEST], tuple(known))


@functools.lru_cache(4096)
def _nearest(key: str, known: tuple[str, ...]) -> str:
    plain = {_plain(name): name for name in known}
    found = difflib.get_close_matches(_plain(key), plain, n=1, cutoff=_ALIKE)
    return plain[found[0]] if found else ""


def _plain(key: str) -> str:
    return key.casefold().replace("_", "").replace("-", "")


def strays(value: Any, form: Any, path: Path = ()) -> Iterator[Stray]:
    """The keys of `value` that `form` lacks: a mapping of forms, a list of one, or None for anything.

    Keys that begin with `x-` are the operator's own, for comments and anchors.
    """
    if isinstance(value, Mapping) and isinstance(form, Mapping):
        for key, item in value.items():
            if key in form:
                yield from strays(item, form[key], (*path, key))
            elif not key.startswith("x-"):
                other = _OTHER_WORDS.get(_plain(key), "")
                yield Stray(
                    (*path, storable.printed(key)), nearest(key, form), other if other in form else ""
                )
    elif isinstance(value, list | tuple) and isinstance(form, list):
        for number, item in enumerate(value):
            yield from strays(item, form[0] if form else None, (*path, number))


def entries(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every entry of every mapping in `value`, with its place."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield (*path, key), item
            yield from entries(item, (*path, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from entries(item, (*path, number))


@functools.cache
def form_of(annotation: Any) -> Any:
    """The form of a pydantic model, or of a field's annotation."""
    bare = scalars.bare(annotation)
    fields = getattr(bare, "model_fields", None)
    if fields is not None:
        return {field.alias or name: form_of(field.annotation) for name, field in fields.items()}
    return [form_of(get_args(bare)[0])] if get_origin(bare) is tuple else None
