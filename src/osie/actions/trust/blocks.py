"""An image in the blocks of its manifest, each compared with its hash before anybody else sees it."""

from collections.abc import Iterator

from osie.actions import zeroes
from osie.actions.unpack.decompress import ImageError
from osie.contracts.image_manifest import ImageManifest, zero_hash


def verified_blocks(
    pieces: Iterator[bytes], manifest: ImageManifest, first_block: int = 0, stop_block: int | None = None
) -> Iterator[bytes]:
    """The image from `first_block` on in whole blocks, each right; the last may be short.

    `pieces` begin where that block does. With a `stop_block` before the image's end, what follows isn't
    looked at. A block of zeroes isn't hashed: it is known by comparing memory.
    Raises ImageError at the first block that is wrong, and where the image is shorter or longer.
    """
    pieces = filter(None, pieces)
    block, left, held = first_block, 0, b""
    stop = manifest.block_count if stop_block is None else stop_block
    while block < stop:
        parts, left = [], manifest.length_of(block)
        while left:
            part = held or next(pieces, b"")
            if not part:
                have = block * manifest.block_size + manifest.length_of(block) - left
                raise ImageError(
                    f"the image ends after {have} bytes, and its manifest has {manifest.raw_size}"
                )
            parts.append(part[:left] if len(part) > left else part)
            held = part[left:]
            left -= len(parts[-1])
        yield _checked(parts, manifest, block)
        block += 1
    if stop == manifest.block_count and (held or next(pieces, b"")):
        raise ImageError(f"the image is longer than the {manifest.raw_size} bytes of its manifest")


def _checked(parts: list[bytes], manifest: ImageManifest, block: int) -> bytes:
    """The parts, whose list is emptied, as one block. Raises ImageError where they aren't the manifest's."""
    if all(map(zeroes.are, parts)):
        length = manifest.length_of(block)
        whole, found = zeroes.BLOCK[:length], zero_hash(length)
    else:
        whole, found = b"".join(parts), manifest.hashed(parts)
    parts.clear()  # or both would be in memory for as long as the block is written
    if found != manifest.hash_of(block):
        start = block * manifest.block_size
        raise ImageError(
            f"the image isn't the one of its manifest: block {block} differs "
            f"(bytes {start} to {start + manifest.length_of(block) - 1})"
        )
    return whole
