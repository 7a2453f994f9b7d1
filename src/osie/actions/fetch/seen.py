"""What was handed on, as a fingerprint: to notice that a stream read again from its start is another one."""

from isal import isal_zlib


class Changed(Exception):
    """The bytes differ from those that were there before."""


class Seen:
    """A CRC-32 of the bytes [0, covered), all that were handed on unless there is a `gap`.

    It guards against a file that was exchanged, not against somebody who wants to deceive: that's what
    digests are for. isal's CRC runs at the memory's speed; a SHA-256 would halve the rate of a fast network.
    """

    def __init__(self) -> None:
        self.covered = 0
        self.crc = 0
        self.gap = False  # bytes behind `covered` were handed on too, and aren't in the fingerprint


class Follower:
    """Goes along one stream from `start` on; Changed is raised at `covered` where one from 0 differs."""

    def __init__(self, seen: Seen, start: int) -> None:
        self._seen = seen
        self.position = start
        self._crc: int | None = 0 if start == 0 else None  # of a stream that began behind 0 we can't know

    def take(self, piece: bytes) -> None:
        """The stream's next bytes."""
        seen, old = self._seen, piece[: max(self._seen.covered - self.position, 0)]
        if old:
            self.position += len(old)
            if self._crc is not None:
                self._crc = isal_zlib.crc32(old, self._crc)
                if self.position == seen.covered and self._crc != seen.crc:
                    raise Changed
        new = piece[len(old) :]
        if not new:
            return
        if self.position == seen.covered:
            seen.crc = isal_zlib.crc32(new, seen.crc)
            seen.covered += len(new)
        else:
            seen.gap = True
        self.position += len(new)
