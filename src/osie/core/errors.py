"""The one base class of our errors. The CLI prints the chain of causes and the hint, and exits with 1."""


class OsieError(Exception):
    """One sentence: what went wrong, and where. `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def chain(error: BaseException) -> list[str]:
    """The error and its causes as sentences, outermost first; each layer tells only its own part."""
    told: list[str] = []
    current: BaseException | None = error
    while current is not None:
        sentence = str(current) or type(current).__name__
        if sentence not in told:
            told.append(sentence)
        current = current.__cause__
    return told
