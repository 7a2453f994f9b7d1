"""Files that are whole or not there, and their digests."""

import json
import os
from pathlib import Path

_CHUNK_BYTES = 1 << 20


def write_atomically(path: Path, content: bytes | str, *, mode: int = 0o644) -> None:
    """Put `content` at `path` durably: a reader sees the old file or the new one (rename(2), fsync(2))."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        # `mode` may be for a secret, which nobody may see before it is set
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        if error.filename is None:  # write(2) and fsync(2) know no name, and a full disk is told by it
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hexadecimal."""
    import hashlib  # noqa: PLC0415 - loads libcrypto, which the booting machine can do without

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_tree(root: Path, *, suffixes: tuple[str, ...] = ()) -> str:
    """One digest over the names, modes and contents below `root`, byte code left out."""
    import hashlib  # noqa: PLC0415 - loads libcrypto, which the booting machine can do without

    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        if suffixes and path.suffix not in suffixes:
            continue
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_mode & 0o777:o}\0".encode())
        digest.update(bytes.fromhex(sha256_of_file(path)))
    return digest.hexdigest()


def sha256_of_values(*values: object) -> str:
    """One digest over JSON-like values; Path and other types count by their text."""
    import hashlib  # noqa: PLC0415 - as above

    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
