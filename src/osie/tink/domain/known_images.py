"""What the server knows of images by their names: which programs take their machine down. Pure."""

from collections.abc import Iterable

# Actions, upstream's and ours, after which the machine isn't what it was.
_TAKE_DOWN = frozenset({"kexec", "reboot"})
# ghcr.io/jacobweinstock/waitdaemon starts the image IMAGE later, so that its success is reported before.
_WAITS = "waitdaemon"


def takes_down(image: str, environment: Iterable[str]) -> bool:
    """Whether the machine goes down in an action of this image, with these "NAME=VALUE"."""
    return _program(delayed(image, environment) or image) in _TAKE_DOWN


def delayed(image: str, environment: Iterable[str]) -> str:
    """The image that an action of waitdaemon starts later; "": it is no such action."""
    if _program(image) != _WAITS:
        return ""
    return next((entry.removeprefix("IMAGE=") for entry in environment if entry.startswith("IMAGE=")), "")


def _program(image: str) -> str:
    """quay.io/tinkerbell/actions/kexec:latest -> kexec."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
