"""How an action tells its progress: a line of JSON on its standard output, marked by one key.

Every other line is the action's log. Any container can do this with `echo`; no mount or socket is needed.
"""

import json
from typing import Any, NamedTuple

_MARK = "osie.progress"


class Progress(NamedTuple):
    """Where one phase of an action stands."""

    phase: str
    done: int  # in `unit`
    total: int | None  # in `unit`; None where it isn't known
    unit: str  # "bytes", or what is counted
    rate_per_s: float
    eta_s: float | None

    def encode(self) -> str:
        """Return the event as one line without its newline."""
        return json.dumps({_MARK: {k: v for k, v in self._asdict().items() if v is not None}})


def _count(given: Any) -> int:
    """A count in the range that the wire has for it."""
    return min(max(0, int(given)), 2**64 - 1)


def _text(given: object) -> str:
    """Text that has UTF-8: JSON can hold half a surrogate pair, which hasn't."""
    return str(given).encode("utf-8", "replace").decode()


def decode(line: str) -> Progress | None:
    """Return the progress event that `line` holds, or None where it is an ordinary log line."""
    if not line.startswith('{"' + _MARK):
        return None
    try:
        fields = json.loads(line)[_MARK]
        total, eta = fields.get("total"), fields.get("eta_s")
        return Progress(
            phase=_text(fields["phase"]),
            done=_count(fields["done"]),
            total=None if total is None else _count(total),
            unit=_text(fields.get("unit", "bytes")),
            rate_per_s=float(fields.get("rate_per_s", 0.0)),
            eta_s=None if eta is None else float(eta),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
