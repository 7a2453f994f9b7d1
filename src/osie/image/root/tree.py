"""A digest over a whole tree: names, kinds, modes, contents and link targets; no owners, no times."""

import hashlib
import os
from pathlib import Path

from osie.core.files import sha256_of_file


def digest(root: Path) -> str:
    """The digest, in hexadecimal. Two trees with the same one are squashed to the same bytes."""
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        state = path.lstat()
        total.update(f"{path.relative_to(root)}\0{state.st_mode:o}\0".encode())
        if path.is_symlink():
            total.update(os.fsencode(path.readlink()))
        elif path.is_file():
            total.update(sha256_of_file(path).encode())
    return total.hexdigest()
