"""Small documents: sums, signatures, manifests."""

from osie.actions.fetch.opening import source_for
from osie.actions.fetch.patience import Patience
from osie.actions.fetch.source import SourceError, shown


def get(url: str, most_bytes: int, patience: Patience) -> bytes:
    """All that is at an http, https or file URL; SourceError where it's more than `most_bytes`."""
    source = source_for([url], patience, _quietly, connections=1)
    try:
        source.open()
        parts: list[bytes] = []
        have = 0
        for chunk in source.chunks(0, most_bytes + 1):
            parts.append(chunk)
            have += len(chunk)
        if have > most_bytes or (source.total or 0) > most_bytes:
            raise SourceError(f"{shown(url)}: larger than the {most_bytes} bytes that are expected at most")
        return b"".join(parts)
    finally:
        source.close()


def _quietly(_line: str) -> None:
    """What is small is tried again without a word; what fails in the end says so."""
