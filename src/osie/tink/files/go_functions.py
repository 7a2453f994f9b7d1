"""Functions that gotpl has otherwise than Go and Sprig, made to do as those.

`make interop` compares them with upstream's own renderer: docs/reference/interop.md.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from gotpl.funcs.sprig import text_func_map
from gotpl.runtime.gofmt import sprintf
from gotpl.runtime.results import FunctionResult
from gotpl.runtime.values import INVALID, UNTYPED_NIL

Function = Callable[..., object]

_SPRIG: Mapping[str, Function] = text_func_map()
_DIRECTIVE = re.compile(r"%([-+# 0]*[0-9]*(?:\.[0-9]*)?)([a-zA-Z%])")
_OF_ITEMS = frozenset("bcdoqxXUeEfFgGst")  # verbs that fmt hands on to the items of a list or map


def _done(name: str, *arguments: object) -> Any:
    """What gotpl's function gives. Raises what it fails with."""
    done = _SPRIG[name](*arguments)
    if not isinstance(done, FunctionResult):
        return done
    if done.error is not None:
        raise done.error
    return done.value


def _found_all(name: str) -> Function:
    def regex_find_all(pattern: str, text: str, count: int) -> object:
        """Every match: none is Go's nil list, which prints as `[]`."""
        found = _done(name, pattern, text, count)
        return _done("rest", []) if found is None else found

    return regex_find_all


def _sliced(name: str) -> Function:
    def slice_list(items: object, *indices: object) -> object:
        """A part of a list; of an empty one Sprig gives nil."""
        return None if items == [] else _done(name, items, *indices)

    return slice_list


def _of_maps(name: str, first: int = 0, last: int | None = None) -> Function:
    """The function, where the arguments from `first` up to `last` must be maps."""

    def checked(*arguments: object) -> object:
        given = list(arguments)
        for each in given[first:last]:
            if not isinstance(each, dict):
                raise TypeError(f"expected a map, got {_kind(each)}")
        if name in {"merge", "mustMerge"}:  # mergo passes over what is nil
            given[1:] = [_without_nil(each) for each in given[1:]]
        return _done(name, *given)

    return functools.wraps(_SPRIG[name])(checked)


def _without_nil(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_nil(item) for key, item in value.items() if item is not None}


def _kind(value: object) -> str:
    return str(_done("kindOf", value))


def _positive_zero(name: str) -> Function:
    def computed(*values: object) -> object:
        """A decimal's result: it has no negative zero."""
        return _done(name, *values) + 0.0

    return functools.wraps(_SPRIG[name])(computed)


def ceil(value: object) -> float:
    """The next whole number upwards; of -0.5 it is -0, as IEEE 754 has it."""
    upwards = float(_done("ceil", value))
    return -0.0 if upwards == 0 and _done("float64", value) < 0 else upwards


def atoi(text: str) -> int:
    """The number that the text is: the nearest of 64 bits, or 0 where it is none (strconv.Atoi)."""
    digits = re.fullmatch(r"([-+]?)([0-9]{1,400})", text)
    if digits is None:
        return 0
    return max(-(2**63), min(2**63 - 1, int(digits[0])))


def duration(seconds: object) -> str:
    """Seconds as 1h2m3s. Sprig counts an int64 and takes an int for 0: here they are the same."""
    return str(_done("duration", str(seconds) if type(seconds) is int else seconds))


def eq(first: object, *others: object) -> bool:
    """Whether one of the others is the same: nil is the same as nil, and nothing else."""
    if not others:
        raise TypeError("missing argument for comparison")
    return any(_same(first, other) for other in others)


def ne(first: object, other: object) -> bool:
    """Whether they are not the same."""
    return not _same(first, other)


def _same(first: object, other: object) -> bool:
    if first is None or other is None:
        return first is other
    if _kind(first) != _kind(other):
        raise TypeError(f"incompatible types for comparison: {_kind(first)} and {_kind(other)}")
    if not isinstance(first, bool | int | float | str):
        raise TypeError(f"non-comparable type: {_kind(first)}")
    return first == other


def printf(form: str, *values: object) -> str:
    """Go's Sprintf: `%s` and its like are for each item of a list or map."""
    spread = [value for value in values if isinstance(value, list | tuple | dict)]
    if not spread or re.search(r"%[-+# 0]*(\[|\*|[0-9]*\.?\*)", form):
        return str(sprintf(form, *values))
    left, parts, used = iter(values), [], []
    for found in _DIRECTIVE.finditer(form):
        if found[2] == "%":
            continue
        value = next(left, None)
        if isinstance(value, list | tuple | dict) and found[2] in _OF_ITEMS:
            parts.append((found.span(), _spread(f"%{found[1]}{found[2]}", value)))
        else:
            used.append(value)
    for (start, end), text in reversed(parts):
        form = form[:start] + text.replace("%", "%%") + form[end:]
    return str(sprintf(form, *used, *left))


def _spread(directive: str, value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{_spread(directive, key)}:{_spread(directive, value[key])}" for key in sorted(value))
        return f"map[{' '.join(pairs)}]"
    if isinstance(value, list | tuple):
        return f"[{' '.join(_spread(directive, item) for item in value)}]"
    return "<nil>" if value is None else str(sprintf(directive, value))


def nospace(text: str) -> str:
    """`text` without white space. Sprig does it by bytes, which only ASCII outlives."""
    return "".join(text.split())


_MERGES = ("merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite")
_OF_ONE_MAP = ("get", "hasKey", "omit", "pick", "set", "unset", "values")

OVERRIDES: Mapping[str, Function] = {
    **{name: _found_all(name) for name in ("regexFindAll", "mustRegexFindAll")},
    **{name: _sliced(name) for name in ("slice", "mustSlice")},
    **{name: _of_maps(name) for name in ("keys", *_MERGES)},
    **{name: _of_maps(name, 0, 1) for name in _OF_ONE_MAP},
    **{name: _positive_zero(name) for name in ("addf", "subf", "mulf", "divf", "add1f")},
    "atoi": atoi,
    "ceil": ceil,
    "duration": duration,
    "eq": eq,
    "ne": ne,
    "nospace": nospace,
    "pluck": _of_maps("pluck", 1),
    "printf": printf,
}


def with_nil(function: Function) -> Function:
    """`function`, to which a constant `nil` and an index of nothing are None, as they are to Go's."""

    @functools.wraps(function)
    def called(*arguments: object) -> object:
        return function(*(None if each is UNTYPED_NIL or each is INVALID else each for each in arguments))

    return called
