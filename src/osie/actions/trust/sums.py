"""Lists of digests such as SHA256SUMS: finding the one of our file."""

import re
from collections.abc import Iterable, Iterator

from osie.actions.trust.checksum import HEX_LENGTHS, Checksum

_GNU = re.compile(r"\\?([0-9A-Fa-f]{64,128}) [ *](.+)")  # sha256sum(1); a \ where the name has escapes
_BSD = re.compile(r"(SHA256|SHA512) ?\((.+)\) ?= ?([0-9A-Fa-f]+)")  # sha256(1), `sha256sum --tag`


def _entries(text: str) -> Iterator[tuple[str, Checksum]]:
    for line in text.splitlines():
        if match := _GNU.fullmatch(line.strip()):
            digest, name = match[1].lower(), match[2]
            algorithms = [a for a, length in HEX_LENGTHS.items() if length == len(digest)]
        elif match := _BSD.fullmatch(line.strip()):
            digest, name = match[3].lower(), match[2]
            algorithms = [a for a in (match[1].lower(),) if HEX_LENGTHS[a] == len(digest)]
        else:
            continue
        for algorithm in algorithms:
            yield name, Checksum(algorithm, digest)


def find(document: bytes, names: Iterable[str]) -> Checksum:
    """The digest of the file with the first of the names that is there. Folders before names are left out.

    SHA-256 where a file has both: it is the faster one. Raises ValueError, one sentence, where there is no
    line for it, or where lines contradict each other.
    """
    entries = list(_entries(document.decode(errors="replace")))
    for name in names:
        found = {checksum for listed, checksum in entries if listed.rpartition("/")[2] == name}
        for algorithm in HEX_LENGTHS:
            same = [checksum for checksum in found if checksum.algorithm == algorithm]
            if len(same) > 1:
                raise ValueError(f"it has several {algorithm} digests for {name}")
            if same:
                return same[0]
    if not entries:
        raise ValueError("it is no list of SHA-256 or SHA-512 digests")
    raise ValueError(f"it has no line for {' or '.join(names)}, but {len(entries)} for other files")
