"""Magic numbers: bytes that stand at one place of every file or disk of a kind."""

from typing import NamedTuple


class Magic(NamedTuple):
    """A kind of content, and the bytes that tell it."""

    what: str  # for people, with its article
    at: int  # bytes from the start
    number: bytes

    def stands(self, head: bytes) -> bool:
        """Whether the bytes stand there."""
        return head.startswith(self.number, self.at)


def first(magics: tuple[Magic, ...], head: bytes) -> str | None:
    """What the first of the magic numbers that stands in `head` is of; None where none does."""
    return next((magic.what for magic in magics if magic.stands(head)), None)
