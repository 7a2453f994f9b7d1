"""What is wrong with an image, in sentences."""

from osie.core.errors import OsieError

MIB = 1 << 20
_WINDOWS = {
    "zstd": ("a window", "without --long or with --long=27 at most"),
    "xz": ("a dictionary", "with one of 128 MiB at most; xz -9 takes 64"),
}


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
    """Something else follows the end. All that is before it came out whole."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count  # bytes

    def told(self, kind: str, done: int) -> ImageError:
        """The sentence."""
        del done
        return ImageError(
            f"the image is corrupt: something else follows the end of its {kind} data, {self.count} bytes",
            hint="set CHECKSUM, RAW_CHECKSUM or MANIFEST_URL where they belong there",
        )


class TooLarge(Fault):
    """The decoder wants more memory than it is lent."""

    def __init__(self, needed: int, lent: int) -> None:
        super().__init__()
        self._needed, self._lent = (-(-size // MIB) for size in (needed, lent))

    def told(self, kind: str, done: int) -> ImageError:
        """The sentence."""
        del done
        name, advice = _WINDOWS.get(kind, ("memory", "with less"))
        return ImageError(
            f"the image's {kind} data needs {name} of {self._needed} MiB, and {self._lent} MiB of memory can"
            " be lent",
            hint=f"give the machine or the container more memory, or compress it again {advice}",
        )
