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
