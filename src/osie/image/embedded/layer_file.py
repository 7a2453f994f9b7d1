"""A layer's blob, packed or plain, to its plain tar, compared with what the image says of it."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol, cast

import zstandard

from osie.image.embedded.archived import ArchivedLayer, Blobs, Damaged

_CHUNK_BYTES = 1 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

Form = Literal["plain", "gzip", "zstd"]


@dataclass(frozen=True)
class Facts:
    """What a layer's blob turned out to be."""

    form: Form
    digest: str  # of the blob
    packed_size: int  # bytes of the blob
    size: int  # bytes of the plain tar


class _Reads(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Digesting:
    """Hands on what is read of a file, and has its digest."""

    def __init__(self, file: _Reads) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self._digest.update(data)
        self.size += len(data)
        return data

    @property
    def digest(self) -> str:
        """Of all that was read."""
        return f"sha256:{self._digest.hexdigest()}"


def plain(blobs: Blobs, layer: ArchivedLayer, target: Path) -> Facts:
    """Write the layer's plain tar to `target`. Raises Damaged where it isn't what the image names."""
    try:
        with blobs.open(layer.blob) as blob:
            begin = blob.read(4)
            blob.seek(0)
            form: Form = "zstd" if begin == _ZSTD else "gzip" if begin.startswith(_GZIP) else "plain"
            packed = _Digesting(blob)
            unpacked = _copy(_unpacking(form, packed), target)
            while packed.read(
                _CHUNK_BYTES
            ):  # what comes after the compressed part has its share in the digest
                pass
    except KeyError as error:
        raise Damaged(f"its layer {layer.blob} is missing") from error
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise Damaged(f"its layer {layer.blob} can't be unpacked: {error}") from error
    if layer.digest and packed.digest != layer.digest:
        raise Damaged(f"its layer {layer.blob} is damaged: its digest is {packed.digest}")
    if unpacked.digest != layer.diff_id:
        raise Damaged(
            f"its layer {layer.blob} is not the one that its config names:"
            f" unpacked its digest is {unpacked.digest}, not {layer.diff_id}"
        )
    return Facts(form, packed.digest, packed.size, unpacked.size)


def _unpacking(form: Form, packed: _Digesting) -> _Reads:
    file = cast("IO[bytes]", packed)  # both read it, and do nothing else
    if form == "gzip":
        return gzip.GzipFile(fileobj=file)
    if form == "zstd":
        unpacking: _Reads = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return unpacking
    return packed


def _copy(source: _Reads, target: Path) -> _Digesting:
    content = _Digesting(source)
    with target.open("wb") as file:
        while data := content.read(_CHUNK_BYTES):
            file.write(data)
    return content
