"""Names of container images: what a short one stands for, and whose registry it names.

The worker pulls by these rules, and so does the ramdisk, for the worker's own image.

The grammar: https://pkg.go.dev/github.com/distribution/reference
"""

from collections.abc import Mapping
from typing import NamedTuple

DEFAULT_REGISTRY = "docker.io"


def with_tag(image: str) -> str:
    """The name with a tag or digest. Without either, an engine's pull would fetch every tag there is."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else image + ":latest"


def registry(image: str) -> str:
    """The registry that the name leads to."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DEFAULT_REGISTRY


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
