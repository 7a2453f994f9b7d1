"""How long to wait before the next try."""

import random
from collections.abc import Callable


class Backoff:
    """Pauses that double from `first_s` up to `most_s`, each shortened by up to half by chance.

    The chance keeps the machines of a rack, all switched on at once, from asking in step.
    """

    def __init__(
        self,
        first_s: float = 0.2,
        most_s: float = 5.0,
        chance: Callable[[], float] = random.random,  # from 0 to 1
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._chance = chance
        self._next_s = first_s

    def next_s(self) -> float:
        """The pause to make now, in seconds; the one after it is longer."""
        pause_s, self._next_s = self._next_s, min(self._next_s * 2, self._most_s)
        return pause_s * (1 - self._chance() / 2)

    def reset(self) -> None:
        """Begin again with the shortest pause."""
        self._next_s = self._first_s
