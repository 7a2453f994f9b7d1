"""Names of container images: what a short one stands for, and whose registry it names.

The worker pulls by these rules, and so does the ramdisk, for the worker's own image.

osie.contracts.image_reference has the whole grammar. https://pkg.go.dev/github.com/distribution/reference
"""

from collections.abc import Mapping
from typing import NamedTuple

DEFAULT_REGISTRY = "docker.io"
_HUBS = {DEFAULT_REGISTRY, "index.docker.io"}
_OFFICIAL = "library/"  # where on Docker Hub a name of one word is


def with_tag(image: str) -> str:
    """The name with a tag or digest. Without either, an engine's pull would fetch every tag there is."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else image + ":latest"


def registry(image: str) -> str:
    """The registry that the name leads to."""
    return split(image)[0]


def full(image: str) -> str:
    """The name with its registry: alpine:3 -> docker.io/library/alpine:3."""
    return "/".join(split(image))


def split(image: str) -> tuple[str, str]:
    """Registry, and the rest of the name: splitDockerDomain of distribution/reference."""
    first, slash, rest = image.partition("/")
    is_registry = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not is_registry:
        return DEFAULT_REGISTRY, image if slash else _OFFICIAL + image
    if first in _HUBS:
        return DEFAULT_REGISTRY, rest if "/" in rest else _OFFICIAL + rest
    return first, rest


class Credentials(NamedTuple):  # no dataclass: the ramdisk reads this too, where that import is time
    """A user of one registry."""

    registry: str  # HOST[:PORT]; empty: the default registry
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(registry={self.registry!r}, username={self.username!r}, password=***)"

    def for_image(self, image: str) -> Mapping[str, str] | None:
        """What to show for a pull of the image: nothing to any other registry than the one they belong to."""
        own = self.registry.removeprefix("https://").removeprefix("http://").partition("/")[0]
        if not self.username or registry(image) != (own or DEFAULT_REGISTRY):
            return None
        return {"username": self.username, "password": self.password, "serveraddress": registry(image)}
