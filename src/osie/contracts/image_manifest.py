"""The image manifest: what a raw disk image is made of, so that each block can be verified before its use.

docs/reference/image-manifest.md describes the format. There is one way to write a manifest: bytes that decode
are the bytes that `encode` gives. Hashes stay one `bytes`: a manifest of 1 TiB takes 8 MiB, and 20 MiB for a
moment while it is decoded.
"""

import bisect
import hashlib
import itertools
import json
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

BLOCK_BYTES = 4 << 20
DIGEST_BYTES = 32  # SHA-256
MOST_BLOCKS = 1 << 18  # 1 TiB
MOST_PAIRS = 1 << 13  # holes, and points
MOST_BYTES = 16 << 20  # of an encoded manifest
GRAIN_BYTES = 4096  # holes begin and end at multiples of it; the last may end where the image does
KINDS = ("raw", "gzip", "bzip2", "xz", "zstd", "lz4")
SECTOR_SIZES = (512, 4096)

_FORMAT = "osie-image-manifest/1"
_ALGORITHM = "sha256"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_BLOB = b'"hashes":"'

Pairs = tuple[tuple[int, int], ...]


class ManifestError(ValueError):
    """What was given is no manifest of an image; one sentence says why."""


class Stored(NamedTuple):
    """The file that the image was read from."""

    size: int  # bytes
    digest: str  # of these bytes: sha256:HEX or sha512:HEX
    kind: str  # one of KINDS
    points: Pairs = ()  # (stored offset, raw offset) where a frame or member begins; ascending, not all


class ImageManifest(NamedTuple):
    """A raw image. Make one with `of`, which checks it and computes the root."""

    raw_size: int  # bytes
    sector_size: int | None  # that the image is made for; None: it doesn't tell
    block_size: int  # bytes that each hash stands for; the last block may be shorter
    algorithm: str
    hashes: bytes  # one digest after the other
    holes: Pairs  # (start, length) in bytes of runs that read as zeroes; ascending, apart, not all of them
    stored: Stored | None
    root: str  # sha256:HEX over all of the above

    @classmethod
    def of(
        cls,
        *,
        raw_size: int,
        hashes: bytes,
        sector_size: int | None = None,
        holes: Iterable[tuple[int, int]] = (),
        stored: Stored | None = None,
    ) -> "ImageManifest":
        """The manifest with these contents. Raises ManifestError where they contradict each other."""
        pairs = tuple((start, length) for start, length in holes)
        unsealed = cls(raw_size, sector_size, BLOCK_BYTES, _ALGORITHM, hashes, pairs, stored, "")
        _check(unsealed)
        return unsealed._replace(root=_root(unsealed))

    @property
    def block_count(self) -> int:
        """How many blocks there are."""
        return -(-self.raw_size // self.block_size)

    def length_of(self, block: int) -> int:
        """The block's bytes."""
        return min(self.block_size, self.raw_size - block * self.block_size)

    def hash_of(self, block: int) -> bytes:
        """The block's digest."""
        if not 0 <= block < self.block_count:
            raise IndexError(block)
        return self.hashes[block * DIGEST_BYTES : (block + 1) * DIGEST_BYTES]

    @property
    def of_zeroes(self) -> bytes:
        """The digest of a whole block of zeroes."""
        return zero_hash(self.block_size)

    def hashed(self, pieces: Iterable[bytes | memoryview]) -> bytes:
        """The digest of these bytes."""
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        return digest.digest()

    def point_before(self, raw_offset: int) -> tuple[int, int]:
        """The last (stored offset, raw offset) from which one can decompress to reach `raw_offset`."""
        if self.stored is None:
            return 0, 0
        if self.stored.kind == "raw":
            return raw_offset, raw_offset
        index = bisect.bisect_right(self.stored.points, raw_offset, key=lambda point: point[1])
        return self.stored.points[index - 1] if index else (0, 0)

    def stored_end(self, raw_offset: int) -> int | None:
        """How many stored bytes are surely enough to decompress up to `raw_offset`; None: all of them."""
        if self.stored is None:
            return None
        if self.stored.kind == "raw":
            return raw_offset
        index = bisect.bisect_left(self.stored.points, raw_offset, key=lambda point: point[1])
        return self.stored.points[index][0] if index < len(self.stored.points) else None

    def encode(self) -> bytes:
        """The manifest as a file: JSON on one line."""
        head = _json(_header(self) | {"root": self.root, "hashes": ""})
        return b"".join((head[:-2], b2a_base64(self.hashes, newline=False), b'"}\n'))

    @classmethod
    def decode(cls, data: bytes) -> "ImageManifest":
        """Read a file. Raises ManifestError on anything that `encode` doesn't write."""
        if not data.startswith(b'{"format":"osie-image-manifest/'):
            raise ManifestError("this is no Osie image manifest")
        if not data.startswith(_json({"format": _FORMAT})[:-1]):
            raise ManifestError("the manifest is of another version than 1: a newer Osie can read it")
        if len(data) > MOST_BYTES:
            raise ManifestError(f"the manifest is larger than {MOST_BYTES >> 20} MiB")
        start = data.find(_BLOB) + len(_BLOB)
        if start < len(_BLOB) or not data.endswith(b'"}\n'):
            raise ManifestError("the manifest is cut off, or changed")
        rest, hashes = data[:start] + b'"}', _hashes(memoryview(data)[start:-3])
        manifest = _parsed(rest, hashes)
        if rest != _json(_header(manifest) | {"root": manifest.root, "hashes": ""}):
            raise ManifestError("the manifest isn't written as Osie writes it: changed by hand?")
        if manifest.root != _root(manifest):
            raise ManifestError("the manifest's root hash isn't that of its contents: damaged, or changed")
        return manifest


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _header(manifest: ImageManifest) -> dict[str, Any]:
    """All but the root and the hashes, in the file's order."""
    return {
        "format": _FORMAT,
        "algorithm": manifest.algorithm,
        "raw_size": manifest.raw_size,
        "sector_size": manifest.sector_size,
        "block_size": manifest.block_size,
        "stored": manifest.stored and manifest.stored._asdict(),  # asdict would copy every pair
        "holes": manifest.holes,
    }


def _root(manifest: ImageManifest) -> str:
    """SHA-256 over the header's JSON and the hashes."""
    digest = hashlib.sha256(_json(_header(manifest)))
    digest.update(manifest.hashes)
    return f"sha256:{digest.hexdigest()}"


def _hashes(blob: memoryview) -> bytes:
    try:
        hashes = a2b_base64(blob, strict_mode=True) if blob else b""
    except ValueError as error:
        raise ManifestError(f"the manifest's hashes aren't base64: {error}") from None
    last = len(hashes) % 3 or 3  # strict_mode lets unused bits pass
    if b2a_base64(hashes[-last:], newline=False) != bytes(blob[-4:]):
        raise ManifestError("the manifest's hashes aren't base64: unused bits are set")
    return hashes


def _parsed(header: bytes, hashes: bytes) -> ImageManifest:
    """The fields, each checked."""
    try:
        fields = json.loads(header)
        stored = fields["stored"]
        if stored is not None:
            stored = Stored(stored["size"], stored["digest"], stored["kind"], _pairs(stored["points"]))
        manifest = ImageManifest(
            fields["raw_size"], fields["sector_size"], fields["block_size"], fields["algorithm"],
            hashes, _pairs(fields["holes"]), stored, fields["root"],
        )  # fmt: skip
    except KeyError as error:
        raise ManifestError(f"the manifest has no {error}") from None
    except ManifestError:
        raise
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ManifestError("the manifest isn't proper JSON, or a field is of the wrong type") from None
    _check(manifest)
    return manifest


def _pairs(given: Any) -> Pairs:
    if type(given) is not list or len(given) > MOST_PAIRS:
        raise ManifestError(f"the manifest's holes and points must be lists of at most {MOST_PAIRS}")
    return tuple((first, second) for first, second in given)


def _check(manifest: ImageManifest) -> None:
    """Raise ManifestError for a value out of its range, or that another contradicts."""
    _number("raw_size", manifest.raw_size, 1, MOST_BLOCKS * BLOCK_BYTES)
    if manifest.sector_size is not None:
        _one_of("sector_size", manifest.sector_size, SECTOR_SIZES)
    _one_of("block_size", manifest.block_size, (BLOCK_BYTES,))
    _one_of("algorithm", manifest.algorithm, (_ALGORITHM,))
    if len(manifest.hashes) != manifest.block_count * DIGEST_BYTES:
        raise ManifestError(
            f"the manifest has {len(manifest.hashes) / DIGEST_BYTES:g} hashes, "
            f"and the image {manifest.block_count} blocks"
        )
    _check_holes(manifest)
    if manifest.stored is not None:
        _check_stored(manifest.stored, manifest.raw_size)


def _number(name: str, given: object, least: int, most: int) -> None:
    if type(given) is not int or not least <= given <= most:  # True is an int as well
        raise ManifestError(f"the manifest's {name} isn't a number from {least} to {most}")


def _one_of(name: str, given: object, expected: tuple[object, ...]) -> None:
    if type(given) is not type(expected[0]) or given not in expected:
        raise ManifestError(f"the manifest's {name} isn't {' or '.join(map(str, expected))}")


@cache
def zero_hash(length: int) -> bytes:
    """The digest of so many zeroes, at most a block."""
    return hashlib.sha256(bytes(length)).digest()


def _check_holes(manifest: ImageManifest) -> None:
    """Each in the image, apart from the one before, and of the hashes of zeroes where it is whole blocks."""
    end, size = -1, manifest.block_size
    if len(manifest.holes) > MOST_PAIRS:
        raise ManifestError(f"the manifest has more than {MOST_PAIRS} holes")
    for start, length in manifest.holes:
        _number("holes", start, max(end + 1, 0), manifest.raw_size - 1)
        _number("holes", length, 1, manifest.raw_size - start)
        end = start + length
        if start % GRAIN_BYTES or (end % GRAIN_BYTES and end != manifest.raw_size):
            raise ManifestError(f"the manifest's hole at {start} isn't made of whole {GRAIN_BYTES} bytes")
        last = manifest.block_count if end == manifest.raw_size else end // size
        for block in range(-(-start // size), last):
            if manifest.hash_of(block) != zero_hash(manifest.length_of(block)):
                raise ManifestError(f"the manifest's hole at {start} has the hash of something else")


def _check_stored(stored: Stored, raw_size: int) -> None:
    _number("stored size", stored.size, 1, 2**53)
    _one_of("stored kind", stored.kind, KINDS)
    if not isinstance(stored.digest, str) or not _DIGEST.fullmatch(stored.digest):
        raise ManifestError("the manifest's stored digest isn't sha256: or sha512: and its digits")
    if stored.kind == "raw" and (stored.size != raw_size or stored.points):
        raise ManifestError("the manifest's stored file is raw, but not the image as it is")
    if len(stored.points) > MOST_PAIRS:
        raise ManifestError(f"the manifest has more than {MOST_PAIRS} points")
    for (stored_before, raw_before), (at, raw_at) in itertools.pairwise(((0, 0), *stored.points)):
        _number("points", at, stored_before + 1, stored.size - 1)
        _number("points", raw_at, raw_before + 1, raw_size - 1)
