"""What an unquoted scalar means. Go's readers decide by the field that it is for, and so do we.

A text field gets what was written: so does gopkg.in/yaml.v3, with which upstream reads rendered templates; of
a resource, Kubernetes would refuse all but text there. Elsewhere the rules are those of sigs.k8s.io/yaml, by
which Kubernetes reads resources; yaml.v3 has the same where a field is a number or a boolean.
"""

import math
import re
import types
from typing import Annotated, Any, Union, get_args, get_origin

_NULLS = {"", "~", "null", "Null", "NULL"}
_TRUE = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}
_FALSE = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}
_NOT_FINITE = re.compile(r"\.nan|\.NaN|\.NAN|[-+]?\.(inf|Inf|INF)")
# Go's strconv.ParseInt with base 0: a leading zero is octal. There are no numbers of base 60: 12:30 is text.
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MOST_DIGITS = 66  # of what may be a 64-bit integer, 0b and all; longer ones Python needs long for


class Plain(str):
    """A scalar that isn't text by its quotes; as a string it is what was written."""

    __slots__ = ()


def value_of(text: str) -> Any:
    """The null, boolean, number or text that an unquoted scalar is where no field says what it shall be."""
    if text in _NULLS:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NOT_FINITE.fullmatch(text):
        return float(text.lower().replace(".", "", 1))
    return _number(text) if text[0] in "+-.0123456789" else str(text)


def _number(text: str) -> int | float | str:
    bare = text.replace("_", "")
    if len(bare) <= _MOST_DIGITS and _INTEGER.fullmatch(bare):
        whole = _integer(bare)
        if -(2**63) <= whole < 2**64:
            return whole
    if _FLOAT.fullmatch(bare) and math.isfinite(float(bare)):
        number = float(bare)
        # JSON, by which Kubernetes hands it on, has 1 for 1.0.
        return int(number) if number.is_integer() and abs(number) < 2**63 else number
    return str(text)


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    legacy_octal = digits[0] == "0" and digits.isdecimal()
    number = int(digits, 8 if legacy_octal else 0)
    return -number if text[0] == "-" else number


def settle(value: Any, form: Any = Any) -> Any:
    """What documents.read gave, each scalar as its field in `form` (a model or annotation) asks for it."""
    form = bare(form)
    if isinstance(value, Plain):
        return str(value) if form is str and value not in _NULLS else value_of(value)
    if isinstance(value, dict):
        return {key: settle(item, _of_key(form, key)) for key, item in value.items()}
    if isinstance(value, list):
        inner = get_args(form)[0] if get_origin(form) in (tuple, list) else Any
        return [settle(item, inner) for item in value]
    return value


def bare(form: Any) -> Any:
    """The annotation without Annotated and None."""
    if get_origin(form) is Annotated:
        return bare(get_args(form)[0])
    if get_origin(form) in (Union, types.UnionType):
        told = [each for each in get_args(form) if each is not type(None)]
        return bare(told[0]) if len(told) == 1 else Any
    return form


def _of_key(form: Any, key: str) -> Any:
    if get_origin(form) is dict:
        return get_args(form)[1]
    fields = getattr(form, "model_fields", {})  # pydantic's; importing it takes longer than all else here
    return next((field.annotation for name, field in fields.items() if (field.alias or name) == key), Any)
