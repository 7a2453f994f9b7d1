"""A layer: a folder as a tar that depends on nothing but its contents, and the same tar compressed."""

import hashlib
import json
import stat
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import zstandard

from osie.core.debian import EPOCH
from osie.core.errors import OsieError
from osie.core.files import sha256_of_file

# Docker reads zstd layers since 23.0, and unpacks them several times faster than gzip's.
MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd"
# The base in 2.5 s; level 19 takes 15 s to make it 1 MB smaller. Our machines never pull it: they have it.
_LEVEL = 12
_WINDOW_BYTES_LOG2 = 24  # what is alike in modules lies further apart than this level's 4 MiB
_TAR = "layer.tar"
_PACKED = "layer.tar.zst"
_FACTS = "layer.json"


@dataclass(frozen=True)
class Layer:
    """A built layer, as files in a folder of the build cache."""

    folder: Path
    digest: str  # "sha256:..." of the compressed tar: what a registry names it by
    diff_id: str  # "sha256:..." of the plain tar: what an image's config names it by
    size: int  # bytes, compressed
    tar_size: int  # bytes, plain

    @property
    def tar(self) -> Path:
        """The plain tar."""
        return self.folder / _TAR

    @property
    def packed(self) -> Path:
        """The compressed tar."""
        return self.folder / _PACKED

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The layer that `write` left in `folder`. Raises ValueError, among others, where it isn't whole."""
        read = cls(folder=folder, **json.loads((folder / _FACTS).read_text()))
        for path, size in ((read.tar, read.tar_size), (read.packed, read.size)):
            if path.stat().st_size != size:
                raise ValueError(f"{path.name} has {path.stat().st_size} bytes, not {size}")
        return read


def write(tree: Path, folder: Path) -> Layer:
    """Pack `tree` into `folder`, which holds the plain tar, the compressed one and their digests then."""
    tar, packed = folder / _TAR, folder / _PACKED
    write_tar(tree, tar)
    # One thread: with more, the bytes depend on how many there are.
    form = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, window_log=_WINDOW_BYTES_LOG2, write_checksum=True
    )
    compressor = zstandard.ZstdCompressor(compression_params=form)
    with tar.open("rb") as source, packed.open("wb") as sink:
        compressor.copy_stream(source, sink, size=tar.stat().st_size)
    layer = Layer(
        folder=folder,
        digest=f"sha256:{sha256_of_file(packed)}",
        diff_id=f"sha256:{sha256_of_file(tar)}",
        size=packed.stat().st_size,
        tar_size=tar.stat().st_size,
    )
    facts = {name: value for name, value in asdict(layer).items() if name != "folder"}
    (folder / _FACTS).write_text(json.dumps(facts))
    return layer


def write_tar(tree: Path, target: Path) -> None:
    """Write `tree` as a tar: sorted, owned by root, one time stamp, and modes reduced to what matters."""
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(tree.rglob("*"), key=lambda path: path.relative_to(tree).parts):
            entry = tarfile.TarInfo(path.relative_to(tree).as_posix())
            entry.mtime = int(EPOCH)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                entry.type, entry.mode, entry.linkname = tarfile.SYMTYPE, 0o777, str(path.readlink())
                tar.addfile(entry)
            elif stat.S_ISDIR(status.st_mode):
                # The sticky bit is /tmp's: all others are folders that anyone may read.
                sticky = status.st_mode & stat.S_ISVTX
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if sticky else 0o755
                tar.addfile(entry)
            elif stat.S_ISREG(status.st_mode):
                # No set-user-ID: everything in our containers runs as root anyway.
                entry.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
                entry.size = status.st_size
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                raise OsieError(
                    f"{path}: neither a file, a folder nor a symbolic link; a layer can't hold it"
                )


def digest_of(content: bytes) -> str:
    """The content's digest in the form that OCI documents use."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
