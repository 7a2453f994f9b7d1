"""What is wrong with an image, in sentences."""

from osie.core.errors import OsieError


class ImageError(OsieError):
    """What arrived is not the whole of a proper image."""


class Fault(Exception):
    """Why a part of an image can't be decompressed; who joins the parts knows how far it came before."""

    def told(self, kind: str, done: int) -> ImageError:
        """The sentence, after so many decompressed bytes."""
        return ImageError(f"the image is corrupt: {kind} fails after {done} decompressed bytes: {self}")


class Truncated(Fault):
    """The stored bytes end in the middle of a part."""

    def told(self, kind: str, done: int) -> ImageError:
        """The sentence, after so many decompressed bytes."""
        return ImageError(
            f"the image is truncated: its {kind} data stops in the middle, after {done} decompressed bytes"
        )


class Trailing(Fault):
    """Something else follows the end."""

    def told(self, kind: str, done: int) -> ImageError:
        """The sentence."""
        del done
        return ImageError(f"the image is corrupt: something else follows the end of its {kind} data")
