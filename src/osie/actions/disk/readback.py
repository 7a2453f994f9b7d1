"""Reading back what was written, from the device itself: the proof that it keeps what it took.

To be called after `DiskWriter.sync` and before `finish`: the ends, which aren't written yet, are taken from
memory here, and `finish` reads them back by itself.
"""

import random
from collections.abc import Callable, Sequence
from typing import Literal

from osie.actions.disk.block_device import DeviceError
from osie.actions.disk.comparing import first_difference
from osie.actions.disk.device import Device
from osie.actions.disk.ends import End
from osie.actions.disk.hashes import Hashes
from osie.actions.disk.writer import WriteError

Mode = Literal["full", "sample", "off"]
MODES: tuple[Mode, ...] = ("full", "sample", "off")
_SHARE, _LEAST, _MOST = 8, 16, 64  # an eighth of the blocks that aren't zeroes, within these bounds
_ZEROES = 8  # blocks of them


def read_back(
    disk: Device,
    hashes: Hashes,
    mode: Mode,
    *,
    ends: Sequence[End],
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Compare the disk with the hashes; return how many bytes were compared.

    `full` is every block, zeroes as well; `sample` some at random, most of them not zeroes, and those in
    which the ends lie, with their neighbours. `tell` gets bytes, done and total. Raises WriteError where a
    block differs, DeviceError where it can't be read.
    """
    chosen = _chosen(hashes, mode, ends)
    size, total = hashes.block_size, 0
    for index in chosen:
        total += min(size, hashes.raw_size - index * size)
    try:
        found = first_difference(
            disk, hashes, chosen, ends=ends, tell=lambda count: tell(min(count * size, total), total)
        )
    except OSError as error:
        raise DeviceError(f"{disk.path} can't be read back: {error.strerror}") from error
    if found is not None:
        where = f"in the {size >> 20} MiB from {found * size} on"
        raise WriteError(
            f"{disk.path} reads back other bytes than were written, {where}",
            hint="the disk, its cable or its controller loses writes: it isn't fit for use",
        )
    return total


def _chosen(hashes: Hashes, mode: Mode, ends: Sequence[End]) -> Sequence[int]:
    every = range(hashes.block_count)
    if mode == "off":
        return ()
    if mode == "full":
        return every
    written: list[int] = []
    zeroes: list[int] = []
    for index in every:
        (zeroes if hashes.hash_of(index) == hashes.of_zeroes else written).append(index)
    chosen = {*_some(written, min(max(len(written) // _SHARE, _LEAST), _MOST)), *_some(zeroes, _ZEROES)}
    for start, data in ends:
        for place in (start, start + len(data)):
            chosen |= {place // hashes.block_size + step for step in (-1, 0, 1)}
    return sorted(chosen.intersection(every))


def _some(blocks: Sequence[int], count: int) -> Sequence[int]:
    return random.SystemRandom().sample(blocks, min(count, len(blocks)))  # not the same on every run
