"""A layer that hides nothing, as overlayfs needs it here: what is left of those below it, and its own files.

The machine's root is an overlay itself, and an overlay shows neither the whiteouts nor the opaque folders of
what is below it: an engine's overlay on top of it would bring back what a layer removed. So a layer that
removes something lies in the ramdisk as a whole tree, which needs nothing below it. Its files are hard links
to those of the layers; a squashfs stores each once. docs/decisions/0013-layers-that-remove.md
"""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from osie.image.embedded.layer_tar import Hidden


def flatten(below: Sequence[Path], hidden: Hidden, own: Path, target: Path) -> None:
    """Make `target` of the folders `below`, the lowest first, less what is hidden, and `own` on top."""
    target.mkdir()
    for folder in below:
        _put(folder, target)
    for name in hidden.contents:
        if (place := _inside(target, name)) is not None and _is_folder(place):
            for each in list(place.iterdir()):
                _take_away(each)
    for name in hidden.names:
        if (place := _inside(target, name)) is not None and os.path.lexists(place):
            _take_away(place)
    _put(own, target)


def _put(source: Path, target: Path) -> None:
    """Put what is in `source` over `target`, as overlayfs would show it; attributes of folders come along."""
    for each in sorted(source.iterdir()):
        place = target / each.name
        if _is_folder(each):
            if not _is_folder(place):
                place.unlink(missing_ok=True)
                place.mkdir()
            _put(each, place)
        else:
            if os.path.lexists(place):
                _remove(place)
            os.link(each, place, follow_symlinks=False)
    state = source.stat()
    os.chown(target, state.st_uid, state.st_gid)
    shutil.copystat(source, target)


def _inside(root: Path, name: str) -> Path | None:
    """The place of that name, where folders lead to it: what is behind a link isn't the layer's to hide."""
    place = root / name
    above = [parent for parent in place.parents if parent.is_relative_to(root)]
    return place if all(_is_folder(parent) for parent in above) else None


def _is_folder(place: Path) -> bool:
    try:
        return stat.S_ISDIR(place.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _take_away(place: Path) -> None:
    """Remove it, and leave no trace of when that was."""
    state = place.parent.stat()
    _remove(place)
    os.utime(place.parent, ns=(state.st_atime_ns, state.st_mtime_ns))


def _remove(place: Path) -> None:
    if _is_folder(place):
        shutil.rmtree(place)
    else:
        place.unlink()
