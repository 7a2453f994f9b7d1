"""What the ramdisk and the worker read of the Docker Engine API alike. Pure; standard library only.

Reference: https://docs.docker.com/reference/api/engine
"""

import base64
import json
from collections.abc import Mapping


def auth_header(credentials: Mapping[str, str]) -> str:
    """Encode `username` and `password` as the X-Registry-Auth header."""
    return base64.urlsafe_b64encode(json.dumps(dict(credentials)).encode()).decode("ascii")


def error_message(body: bytes) -> str:
    """Read the engine's own words from an answer with an error status: {"message": ...}."""
    try:
        return str(json.loads(body)["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip() or "no reason given"


def progress_error(line: bytes) -> str:
    """Read the error in one line of a pull's progress; empty: it tells none. Raises ValueError: no JSON."""
    told = json.loads(line)
    if not isinstance(told, dict):
        return ""
    return str((told.get("errorDetail") or {}).get("message") or told.get("error") or "")
