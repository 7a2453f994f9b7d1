"""Label selectors, in Kubernetes' equality-based syntax: KEY=VALUE, KEY!=VALUE, KEY, !KEY, by commas."""

import re
from dataclasses import dataclass

_TERM = re.compile(r"(?P<not>!)?\s*(?P<key>[\w./-]+)\s*(?:(?P<sign>==?|!=)\s*(?P<value>[\w.-]*))?", re.ASCII)


@dataclass(frozen=True)
class Term:
    """One condition on a label."""

    key: str
    value: str | None  # None: any
    wanted: bool = True  # False: not this value, or no such label


def parse(text: str) -> tuple[Term, ...]:
    """The selector's terms. Raises ValueError that names the bad one."""
    return tuple(_term(part.strip()) for part in text.split(",") if part.strip())


def _term(text: str) -> Term:
    found = _TERM.fullmatch(text)
    if found is None or (found["not"] and found["sign"]):
        raise ValueError(f"selector: {text!r}: expected KEY=VALUE, KEY!=VALUE, KEY or !KEY")
    return Term(found["key"], found["value"], wanted=not found["not"] and found["sign"] != "!=")
