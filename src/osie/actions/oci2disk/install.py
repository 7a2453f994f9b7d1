"""From an image in a registry to one disk."""

from osie.actions.fetch.oci import oci_source
from osie.actions.oci2disk.settings import OciToDisk
from osie.actions.pipeline import install as pipeline
from osie.actions.program import warn


def install(wanted: OciToDisk) -> int:
    """Put the image on the disk. Returns 0; raises OsieError on anything less than success."""
    patience = wanted.settings.fetch.patience
    return pipeline.install(
        wanted.settings,
        lambda _trust: oci_source(
            wanted.reference, wanted.credentials, patience, warn, insecure=wanted.insecure
        ),
    )
