"""What only Debian's lists and the named files can tell of a profile: all that is wrong, told at once."""

from collections.abc import Sequence

from osie.core.cache import Cache
from osie.core.errors import OsieError
from osie.image.embedded.embedded import Wanted
from osie.image.profile import archives
from osie.image.profile.profile import Profile
from osie.image.root import packages


def check(profile: Profile, images: Sequence[Wanted], cache: Cache) -> None:
    """Raise one OsieError that names every package, module and image that there isn't, and its place.

    `images` are the profile's archives.
    """
    errors = [*packages.wrong(profile, cache), *archives.wrong(profile, images, cache)]
    if errors:
        raise OsieError("the profile can't be used:" + "".join(f"\n    {line}" for line in errors))
