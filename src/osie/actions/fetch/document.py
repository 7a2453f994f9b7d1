"""Small documents: sums, signatures, manifests."""

from osie.actions.fetch.opening import source_for
from osie.actions.fetch.patience import Patience
from osie.actions.fetch.source import shown, whole


def get(url: str, most_bytes: int, patience: Patience) -> bytes:
    """All that is at an http, https or file URL; SourceError where it's more than `most_bytes`."""
    return whole(source_for([url], patience, _quietly, connections=1), most_bytes, shown(url))


def _quietly(_line: str) -> None:
    """What is small is tried again without a word; what fails in the end says so."""
