"""Compares blocks of a disk, as the device has them, with their hashes: several at a time, in order.

Reading waits for the device and hashing for the processor, and neither holds the interpreter's lock: with one
thread more than there are processors both are kept busy. Each has a buffer of one block.
"""

import ctypes
import mmap
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from osie.actions.disk.device import Device, aligned, read_into
from osie.actions.disk.ends import End
from osie.actions.disk.hashes import Hashes

_THREADS = min((os.cpu_count() or 1) + 1, 4)
_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


def first_difference(
    disk: Device,
    hashes: Hashes,
    indices: Iterable[int],
    *,
    ends: Sequence[End] = (),
    tell: Callable[[int], None] = lambda _blocks: None,
) -> int | None:
    """The first of the ascending `indices` whose block isn't on the disk as its hash says; None: all are.

    `ends` are taken as if they were on the disk already. `tell` gets the number of blocks compared so far,
    from one thread at a time. Raises OSError.
    """
    comparison = _Comparison(disk, hashes, indices, ends, tell)
    threads = [threading.Thread(target=comparison.work, name="compare", daemon=True) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        comparison.stop()
    return comparison.result()


class _Comparison:
    def __init__(
        self,
        disk: Device,
        hashes: Hashes,
        indices: Iterable[int],
        ends: Sequence[End],
        tell: Callable[[int], None],
    ) -> None:
        self._disk = disk
        self._hashes = hashes
        self._indices: Iterator[int] = iter(indices)
        self._ends = ends
        self._tell = tell
        self._lock = threading.Lock()
        self._done = 0
        self._failures: dict[int, BaseException | None] = {}  # None: it differs
        self._zeroes = bytes(hashes.block_size)

    def stop(self) -> None:
        """Begin no other block."""
        with self._lock:
            self._indices = iter(())

    def result(self) -> int | None:
        """What was found. Blocks are begun in order, so all before the first failure were compared."""
        if not self._failures:
            return None
        index = min(self._failures)
        error = self._failures[index]
        if error is not None:
            raise error
        return index

    def work(self) -> None:
        """Compare blocks until there is none left, or one differs."""
        with aligned(self._hashes.block_size) as memory:
            address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
            while (index := self._next()) is not None:
                try:
                    good, error = self._is_right(index, memory, address), None
                except BaseException as raised:  # noqa: BLE001 - raised again by `result`
                    good, error = False, raised
                if not good:
                    self._failures[index] = error
                    self.stop()

    def _next(self) -> int | None:
        with self._lock:
            return next(self._indices, None)

    def _is_right(self, index: int, memory: mmap.mmap, address: int) -> bool:
        start = index * self._hashes.block_size
        length = min(self._hashes.block_size, self._hashes.raw_size - start)
        have = read_into(self._disk, memory, start, length)
        for at, data in self._ends:
            first, last = max(at, start), min(at + len(data), start + length)
            if first < last:
                memory[first - start : last - start] = data[first - at : last - at]
        wanted = self._hashes.hash_of(index)
        if have < length:
            return False  # the device ends in it
        zeroes = wanted == self._hashes.of_zeroes and length == len(self._zeroes)
        right = zeroes and not _memcmp(address, self._zeroes, length)  # several times as fast as a hash
        if not right:
            with memoryview(memory) as whole, whole[:length] as block:
                right = self._hashes.hashed([block]) == wanted
        with self._lock:
            self._done += 1
            self._tell(self._done)
        return right
