"""Text to plain values: several YAML or JSON documents in a file, each read on its own, with strict keys."""

import json
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_CHARACTERS = 4 * 2**20
_MAX_NODES = 200_000  # after aliases are followed: a "billion laughs" document ends here
_MARKER = re.compile(r"^---(?=[ \t]|$)", re.MULTILINE)  # at column 0 it is always a marker (YAML 1.2, 9.1.2)


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key may occur once, and a date stays text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class declares it so
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} occurs twice", key_node.start_mark
                )
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


class UnreadableError(ValueError):
    """A document is neither YAML nor JSON; the message tells the line in the file."""


@dataclass(frozen=True)
class Document:
    """One document of a file."""

    index: int  # from 1; empty ones are not counted
    line: int  # of the file, on which it starts; from 1
    value: Any  # or the UnreadableError that says why it has none


def read(text: str, first_line: int = 1) -> Any:
    """The value of a single document. Raises UnreadableError."""
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + first_line}, column {mark.column + 1}: " if mark else ""
        told = ", ".join(part for part in (error.context, error.problem) if part)
        raise UnreadableError(f"{where}invalid YAML: {told}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = "nested too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise UnreadableError(f"invalid YAML: {told}") from error
    _refuse_excess(value)
    return value


def split(text: str) -> Iterator[Document]:
    """The documents of a file; a bad one does not hide the others' errors."""
    if text.lstrip().startswith("{"):
        yield Document(1, 1, _json(text))
        return
    index, line = 0, 1
    for part in _MARKER.split(text):
        try:
            value = read(part, line)
        except UnreadableError as error:
            value = error
        if value is not None:
            index += 1
            yield Document(index, line, value)
        line += part.count("\n")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return read(text)  # a flow mapping, perhaps
        except UnreadableError:
            return UnreadableError(f"line {error.lineno}, column {error.colno}: invalid JSON: {error.msg}")


def _refuse_excess(value: Any) -> None:
    budget, stack = _MAX_NODES, [value]
    while stack:
        item = stack.pop()
        budget -= 1
        if budget < 0:
            raise UnreadableError(f"more than {_MAX_NODES} values")
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
