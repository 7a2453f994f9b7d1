"""A profile as the TOML text that would give it again: all that it extends taken in. Pure."""

import tomli_w

from osie.image.profile.profile import Profile


def text(profile: Profile) -> str:
    """Write the whole profile as TOML; what is empty is left out."""
    values = profile.model_dump(mode="json", exclude_none=True)
    return tomli_w.dumps(
        {key: kept for key, value in values.items() if (kept := _kept(value)) not in ("", [], {})}
    )


def _kept(value: object) -> object:
    """A table without its empty lists; each table of a list likewise."""
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item != []}
    return [_kept(item) for item in value] if isinstance(value, list) else value
