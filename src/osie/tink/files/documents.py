"""Text to plain values: several YAML or JSON documents in a file, each read on its own, with strict keys."""

import base64
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from osie.tink.domain.scalars import Plain, settle, value_of

MAX_CHARACTERS = 4 * 2**20
_MAX_NODES = 200_000  # after aliases are followed: a "billion laughs" document ends here
_MAX_DEPTH = 100  # what is handed on may be walked by recursion
_MAX_DOCUMENTS = 20_000  # in a file; four million bytes could be of a million
_WORD = re.compile(r"\S")
_MARKER = re.compile(
    r"^---(?=[ \t\r]|$)", re.MULTILINE
)  # at column 0 it is always a marker (YAML 1.2, 9.1.2)
_STANDARD = "tag:yaml.org,2002:"
_PLAIN, _MERGE = "plain", f"{_STANDARD}merge"
# With one of these tags, too, a scalar is what its text and its field say.
_RESOLVED = {_PLAIN, *(f"{_STANDARD}{name}" for name in ("null", "bool", "int", "float", "timestamp"))}


class _Loader(yaml.SafeLoader):
    """Makes nodes of text; of an unquoted scalar it doesn't say what it is."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        """Tag a scalar; an unquoted one stays as it was written."""
        if kind is yaml.ScalarNode and implicit[0]:
            return _MERGE if value == "<<" else _PLAIN
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


class Dumper(yaml.SafeDumper):
    """Quotes whatever a reader of YAML 1.1, or ours, would take for something else than text."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        """Give text a tag that has it quoted, where bare it would be another value."""
        tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        is_text = kind is yaml.ScalarNode and implicit[0] and tag == f"{_STANDARD}str"
        return _PLAIN if is_text and not isinstance(value_of(value), str) else tag


class UnreadableError(ValueError):
    """A document is neither YAML nor JSON; the message tells the line in the file."""


@dataclass(frozen=True)
class Document:
    """One document of a file."""

    index: int  # from 1; empty ones are not counted
    line: int  # of the file, on which it starts; from 1
    value: Any  # or the UnreadableError that says why it has none


def read(text: str, first_line: int = 1) -> Any:
    """The value of a single document, its scalars Plain until `settle`. Raises UnreadableError."""
    value, more = read_first(text, first_line)
    if more:
        raise UnreadableError("more than one document")
    return value


def read_first(text: str, first_line: int = 1) -> tuple[Any, bool]:
    """The same of the first document, and whether another one stands behind it."""
    try:
        nodes = list(yaml.compose_all(text, Loader=_Loader))
        values = [_Unfolding().value(node) for node in nodes if node is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + first_line}, column {mark.column + 1}: " if mark else ""
        told = ", ".join(part for part in (error.context, error.problem) if part)
        raise UnreadableError(f"{where}invalid YAML: {told}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = "nested too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise UnreadableError(f"invalid YAML: {told}") from error
    said = [value for value in values if not (isinstance(value, Plain) and value_of(value) is None)]
    return said[0] if said else None, len(said) > 1


def read_values(text: str) -> Any:
    """The value of a single document of which no more is known. Raises UnreadableError."""
    return settle(read(text))


def split(text: str) -> Iterator[Document]:
    """The documents of a file; a bad one does not hide the others' errors."""
    index, line = 0, 1
    *leading, last = _MARKER.split(text)
    if len(leading) > _MAX_DOCUMENTS:
        yield Document(1, 1, UnreadableError(f"more than {_MAX_DOCUMENTS} documents"))
        return
    for part in [*map(_without_directives, leading), last]:
        for place, value in _values(part, line):
            if value is not None:
                index += 1
                yield Document(index, place, value)
        line += part.count("\n")


def _without_directives(part: str) -> str:
    """`part` without what its end tells of the document that follows: %YAML 1.2, for instance."""
    lines = part.split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1][0] in "%#"):
        end -= 1
    return "\n".join(lines[:end] + ["" if line.startswith("%") else line for line in lines[end:]])


def _values(part: str, line: int) -> Iterator[tuple[int, Any]]:
    """The documents between two markers, each with its line: one, or several of JSON."""
    if not part.lstrip().startswith("{"):
        yield line, _read_or_why(part, line)
        return
    try:
        yield from list(_json(part, line))
    except json.JSONDecodeError as error:
        value = _read_or_why(part, line)  # a flow mapping, perhaps
        if isinstance(value, UnreadableError):
            where = f"line {error.lineno + line - 1}, column {error.colno}"
            value = UnreadableError(f"{where}: invalid JSON: {error.msg}")
        yield line, value
    except UnreadableError as error:
        yield line, error
    except RecursionError:
        yield line, UnreadableError("invalid JSON: nested too deep")


def _read_or_why(text: str, line: int) -> Any:
    try:
        return read(text, line)
    except UnreadableError as error:
        return error


def _json(text: str, line: int) -> Iterator[tuple[int, Any]]:
    """One or several in a row, which is how kubectl reads them, too."""
    counted, end = 0, 0
    for number in itertools.count():
        begin = _WORD.search(text, end)
        if begin is None:
            return
        if number == _MAX_DOCUMENTS:
            raise UnreadableError(f"more than {_MAX_DOCUMENTS} documents")
        line += text.count("\n", counted, begin.start())
        counted = begin.start()
        value, end = _DECODER.raw_decode(text, counted)
        _refuse_excess(value)
        yield line, value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise UnreadableError(f"invalid JSON: the key {key!r} occurs twice")
        found[key] = value
    return found


def _no_number(word: str) -> Any:
    raise UnreadableError(f"invalid JSON: {word} is not a number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=Plain, parse_float=Plain, parse_constant=_no_number
)


def _refuse_excess(value: Any) -> None:
    budget, stack = _MAX_NODES, [(value, 0)]
    while stack:
        item, depth = stack.pop()
        budget -= 1
        if budget < 0:
            raise UnreadableError(f"more than {_MAX_NODES} values")
        if depth > _MAX_DEPTH:
            raise UnreadableError("invalid JSON: nested too deep")
        if isinstance(item, dict | list):
            stack.extend((each, depth + 1) for each in (item.values() if isinstance(item, dict) else item))


class _Unfolding:
    """Nodes to values. Aliases are unfolded, so that what comes of it counts, not what was written."""

    def __init__(self) -> None:
        self._nodes, self._characters = _MAX_NODES, MAX_CHARACTERS

    def value(self, node: yaml.Node, depth: int = 0) -> Any:
        """What `node` holds. A tag of somebody's own changes nothing, as in Go's readers."""
        self._nodes -= 1
        if self._nodes < 0:
            raise _problem(node, f"more than {_MAX_NODES} values")
        if depth > _MAX_DEPTH:
            raise _problem(node, "nested too deep")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        self._characters -= len(node.value)
        if self._characters < 0:
            raise _problem(node, f"more than {MAX_CHARACTERS} characters")
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in self._sources(value_node, depth):
                    merged = {**source, **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise _problem(key_node, "a key has to be text")
            key = str(self.value(key_node, depth + 1))
            if key in own:
                raise _problem(key_node, f"the key {key!r} occurs twice")
            own[key] = self.value(value_node, depth + 1)
        return {**merged, **own}

    def _sources(self, node: yaml.Node, depth: int) -> list[dict[str, Any]]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not all(isinstance(each, yaml.MappingNode) for each in nodes):
            raise _problem(node, "'<<' expects a mapping, or a list of them")
        return [self.value(each, depth + 1) for each in nodes]


def _scalar(node: yaml.Node) -> str:
    if node.tag in _RESOLVED:
        return Plain(node.value)
    if node.tag == f"{_STANDARD}binary":
        try:
            return base64.b64decode("".join(node.value.split()), validate=True).decode()
        except ValueError as error:
            raise _problem(node, "!!binary that is not the base64 of text") from error
    return str(node.value)


def _problem(node: yaml.Node, message: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=node.start_mark)
