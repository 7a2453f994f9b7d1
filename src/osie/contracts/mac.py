"""Hardware addresses, in the one form we store and compare: lower case, colons (IEEE 802, EUI-48)."""

import re

_SIX_OCTETS = re.compile(r"([0-9a-f]{2})[:-]?" * 5 + r"([0-9a-f]{2})")


def normalise(text: str) -> str:
    """Return `text` as `aa:bb:cc:dd:ee:ff`; colons, hyphens or nothing may separate the octets.

    Raises ValueError where it is no EUI-48 address.
    """
    match = _SIX_OCTETS.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is not a MAC address: expected six octets such as 52:54:00:12:34:56")
    return ":".join(match.groups())
