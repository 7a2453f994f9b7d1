"""Going on after a power cut: the disk itself is the journal (docs/decisions/0009-no-journal.md)."""

from collections.abc import Callable

from osie.actions.disk.block_device import DeviceError
from osie.actions.disk.comparing import first_difference
from osie.actions.disk.device import Device
from osie.actions.disk.ends import END_BYTES
from osie.actions.disk.hashes import Hashes


def first_wrong_block(
    disk: Device, manifest: Hashes, *, tell: Callable[[int, int], None] = lambda _done, _total: None
) -> int:
    """The first block, from 1 on, that isn't on the disk as the manifest says: those before it are right.

    Block 0, and the blocks in which the disk's back end lies, count as wrong always: `DiskWriter` holds the
    ends back. So the result times the block size is what `skip_to` may be given once block 0 was written.
    `tell` gets bytes, done and the most there can be. Raises DeviceError.
    """
    size = manifest.block_size
    end = manifest.raw_size if disk.size is None else disk.size
    stop = max(min(manifest.block_count, (end - END_BYTES) // size), 1)
    total = (stop - 1) * size
    try:
        found = first_difference(
            disk, manifest, range(1, stop), tell=lambda count: tell(min(count * size, total), total)
        )
    except OSError as error:
        raise DeviceError(f"{disk.path} can't be read: {error.strerror}") from error
    return stop if found is None else found
