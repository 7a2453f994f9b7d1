"""The registries without TLS, in the engines' form: dockerd does not start for one that it can't read."""

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

_HOST = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


class WithoutTls(NamedTuple):
    """What the engine is told, and what it isn't."""

    taken: tuple[str, ...]
    ignored: tuple[str, ...]


def _normal(entry: str) -> str:
    """HOST[:PORT], or a network (Docker's own form: 10.0.0.0/8); empty where it is neither."""
    try:
        return str(ipaddress.IPv4Network(entry, strict=False)) if "/" in entry else _host(entry)
    except ValueError:
        return _host(entry.removeprefix("http://").removeprefix("https://").partition("/")[0])


def _host(text: str) -> str:
    matched = _HOST.fullmatch(text)
    return text if matched and 0 < int(matched[2] or 443) < 65536 else ""


def without_tls(entries: Sequence[str]) -> WithoutTls:
    """The entries in the engines' form, each once: without `http://` and a path."""
    normal = {entry: _normal(entry) for entry in entries}
    ignored = tuple(entry for entry, taken in normal.items() if not taken)
    return WithoutTls(tuple(dict.fromkeys(taken for taken in normal.values() if taken)), ignored)
