"""What is wrong with a value in a file, in words: pydantic's findings for whoever wrote the file."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_WORDS = {  # pydantic's for Python's types, and those of whoever writes TOML
    "a valid string": "text",
    "a valid tuple": "a list",
    "a valid dictionary": "a table",
    "a valid integer": "a whole number",
}


def formed(pattern: str, words: str) -> Callable[[str], str]:
    """A check that a text has this form, which is told in words where it hasn't."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"{text!r} is not {words}")
        return text

    return check


def sentence(found: Mapping[str, Any], known: Sequence[str]) -> str:
    """One finding (an item of ValidationError.errors()): what was expected, and what is there instead.

    `known` are the keys that an unknown one may have been meant for.
    """
    match found["type"]:
        case "missing":
            return "missing"
        case "extra_forbidden":
            return f"unknown key{nearest(str(found['loc'][-1]), known)}"
        case "value_error":
            return str(found["ctx"]["error"])
        case _:
            expected = str(found["msg"]).replace("Input should be", "expected")
            for pythons, files in _WORDS.items():
                expected = expected.replace(pythons, files)
            return f"{expected}, found {_shown(found['input'])}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` with the most similar known word, or nothing."""
    similar = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {similar[0]!r}?" if similar else ""


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    return repr(value)[:80]
