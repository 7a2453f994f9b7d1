"""The archives of images that a profile names: what can be told of each without unpacking its layers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from osie.contracts import image_reference
from osie.core.cache import Cache
from osie.core.errors import OsieError
from osie.core.files import sha256_of_file
from osie.image.embedded import archived
from osie.image.embedded.embedded import Wanted
from osie.image.profile.profile import Profile


def wanted(profile: Profile) -> list[Wanted]:
    """The profile's images that come as archives. Reads each of them: 1 GB takes about a second."""
    return [
        Wanted(image.reference, image.source, sha256_of_file(image.source))
        for image in profile.images
        if image.source
    ]


def wrong(profile: Profile, images: Sequence[Wanted], cache: Cache) -> Iterator[str]:
    """Why one of the profile's archives has no image that can be embedded under its name."""
    for image in images:
        try:
            _looked_into(image, cache)
        except OsieError as error:
            yield f"{profile.place('images', image.name.canonical)}.source: {error}"


def _looked_into(image: Wanted, cache: Cache) -> None:
    """A look finds no more than one before. The archive may be packed as a whole: then it's all unpacked."""

    def look(result: Path) -> None:
        with archived.opened(image.place) as blobs:
            found = archived.read(blobs, image.name)
        (result / "layers").write_text("".join(f"{layer.diff_id}\n" for layer in found.layers))

    cache.get("image-archive", [image.digest, image.name.canonical, *_CODE], look)


# As it was loaded: a file that is edited while we run must not pass for what we do.
_CODE = [sha256_of_file(Path(module.__file__ or "")) for module in (archived, image_reference)]
