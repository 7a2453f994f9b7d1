"""What only Debian's lists and the named files can tell of a profile: all that is wrong, told at once."""

from collections.abc import Sequence

from osie.core.cache import Cache
from osie.core.errors import OsieError
from osie.image import packages, profile_archives
from osie.image.embedded import Wanted
from osie.image.profile import Profile


def check(profile: Profile, images: Sequence[Wanted], cache: Cache) -> None:
    """Raise one OsieError that names every package, module and image that there isn't, and its place.

    `images` are the profile's archives.
    """
    errors = [*packages.wrong(profile, cache), *profile_archives.wrong(profile, images, cache)]
    if errors:
        raise OsieError("the profile can't be used:" + "".join(f"\n    {line}" for line in errors))
