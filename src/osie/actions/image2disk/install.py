"""From one image on some servers to one disk."""

from osie.actions.fetch.opening import source_for
from osie.actions.image2disk.settings import ImageToDisk
from osie.actions.pipeline import install as pipeline
from osie.actions.program import warn


def install(wanted: ImageToDisk) -> int:
    """Put the image on the disk. Returns 0; raises OsieError on anything less than success."""
    patience = wanted.settings.fetch.patience
    return pipeline.install(
        wanted.settings, lambda trust: source_for(wanted.urls, patience, warn, checked=trust.verified)
    )
