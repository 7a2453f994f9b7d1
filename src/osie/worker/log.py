"""The worker's own log: one line an event on standard output, `TIME EVENT key=value ...`."""

import json
import sys
from datetime import UTC, datetime

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+%,")


def render(event: str, keys: dict[str, object]) -> str:
    """Return `event key=value ...`; a value with other than plain characters is quoted as in JSON."""
    words = [event]
    for key, value in keys.items():
        text = f"{value:.3f}" if isinstance(value, float) else str(value)
        plain = text != "" and set(text) <= _PLAIN
        words.append(f"{key}={text if plain else json.dumps(text)}")
    return " ".join(words)


def tell(event: str, **keys: object) -> None:
    """Write one event."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sys.stdout.write(f"{at} {render(event, keys)}\n")
    sys.stdout.flush()


class LogOnChange:
    """An event that is told when its reason is another than before, not at every try."""

    def __init__(self, event: str, **keys: object) -> None:
        self._event = event
        self._keys = keys
        self._told = ""

    def tell(self, reason: str) -> None:
        """It happened, for this reason."""
        if reason != self._told:
            tell(self._event, **self._keys, reason=reason)
            self._told = reason

    def tell_first(self, reason: str) -> None:
        """The same, unless it was told before."""
        if not self._told:
            self.tell(reason)
