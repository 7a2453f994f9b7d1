"""Words for yes and no: the same wherever a person writes one. YAML has its own (tink.domain.scalars)."""

_YES = frozenset({"1", "true", "yes", "y", "on"})
_NO = frozenset({"0", "false", "no", "n", "off"})


def flag(text: str) -> bool | None:
    """Read a word, in small letters or capitals. None: it is neither, as an empty text is."""
    word = text.lower()
    return True if word in _YES else False if word in _NO else None
