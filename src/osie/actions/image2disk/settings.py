"""What image2disk can be told. The upstream action's names, and CHECKSUM and its like beside them."""

from collections.abc import Mapping
from typing import NamedTuple

from osie.actions.environment import Environment
from osie.actions.fetch.source import shown
from osie.actions.pipeline import options
from osie.actions.pipeline.install import Settings
from osie.actions.trust import settings as trust


class ImageToDisk(NamedTuple):
    """One image, from one of several places, to one disk."""

    urls: tuple[str, ...]
    settings: Settings


def read(variables: Mapping[str, str]) -> ImageToDisk:
    """Read the settings. Raises SettingsError with all that is wrong."""
    environment = Environment(variables)
    urls = environment.urls("IMG_URL", ("http", "https", "file"))
    first = urls[0] if urls else ""
    write = options.writing(environment)
    stands = trust.read(environment, image=first)
    settings = Settings(shown(first), stands, options.fetching(environment), write)
    environment.check()
    return ImageToDisk(urls, settings)
