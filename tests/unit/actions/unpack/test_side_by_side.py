"""Parts that are decompressed side by side: in order, in bounded memory, and nothing is left behind."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import zstandard
from unit.actions.unpack.packing import PACKINGS, Packing

from osie.actions.unpack.decompress import decompressed
from osie.actions.unpack.parts import Part
from osie.actions.unpack.side_by_side import PART_BYTES, side_by_side

each_packing = pytest.mark.parametrize("packing", PACKINGS, ids=lambda packing: packing.name)
SOME = random.Random(1).randbytes(300_000) + bytes(300_000)


class SourceBrokeError(Exception):
    """What a source might raise."""


def breaking(data: bytes) -> Iterator[bytes]:
    """The data, and then an error."""
    for start in range(0, len(data), 10_000):
        yield data[start : start + 10_000]
    raise SourceBrokeError


def threads_end() -> bool:
    """Whether none of the threads is there any more, within a deadline."""
    deadline = time.monotonic() + 20
    for thread in threading.enumerate():
        if thread.name.startswith("unpack-"):
            thread.join(deadline - time.monotonic())
    return not any(thread.name.startswith("unpack-") for thread in threading.enumerate())


@each_packing
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_what_the_source_raises_passes(packing: Packing, share: float) -> None:
    """From another thread too, whatever was under way; and the threads end."""
    packed = packing.pack(SOME) * 3
    with pytest.raises(SourceBrokeError):
        list(decompressed(breaking(packed[: int(len(packed) * share)]), packing.kind, threads=2))
    assert threads_end()


@each_packing
def test_who_leaves_early_leaves_nobody_behind(packing: Packing) -> None:
    """A pipeline that failed elsewhere closes this one; no thread waits for ever."""
    pieces = decompressed(iter([packing.pack(SOME) * 30]), packing.kind, threads=2)
    assert isinstance(pieces, Generator)
    assert next(pieces)
    pieces.close()
    assert threads_end()


@each_packing
@pytest.mark.parametrize("threads", [1, 2])
def test_decompression_may_start_where_a_part_begins(packing: Packing, threads: int) -> None:
    """From each place that was told, the rest of the stored image is the rest of the raw one."""
    raws = [SOME[:1000], b"", SOME, SOME[250_000:500_000]]
    packed, raw = b"".join(map(packing.pack, raws)), b"".join(raws)
    begins: list[tuple[int, int]] = []
    list(
        decompressed(
            iter([packed]), packing.kind, threads=threads, begins=lambda *place: begins.append(place)
        )
    )
    assert begins[0] == (0, 0)
    assert begins == sorted(begins)
    for stored, done in begins:
        rest = decompressed(iter([packed[stored:]]), packing.kind, threads=threads)
        assert b"".join(rest) == raw[done:]


def test_a_frame_too_large_to_hold_is_streamed() -> None:
    """Between others that aren't; the order stays."""
    large = random.Random(2).randbytes(PART_BYTES + (1 << 20))
    raws = [SOME, large, SOME * 3, SOME]
    packed = b"".join(zstandard.ZstdCompressor(level=1).compress(raw) for raw in raws)
    pieces = decompressed(
        (packed[at : at + 70_000] for at in range(0, len(packed), 70_000)), "zstd", threads=2
    )
    assert b"".join(pieces) == b"".join(raws)


def test_an_error_comes_in_its_place() -> None:
    """What lies before a part that fails has been handed on; what lies behind it never is."""

    def failing() -> Iterator[bytes]:
        yield b"c"
        raise SourceBrokeError

    parts = [Part(iter([b"a", b"b"])), Part(failing()), Part(iter([b"never"]))]
    found = []
    with pytest.raises(SourceBrokeError):
        for part in side_by_side(iter(parts), 3):
            found += list(part.pieces)
    assert found == [b"a", b"b"]


_PEAK = """
import sys
from osie.actions import libc
from osie.actions.unpack.decompress import decompressed
libc.keep_memory_together()
def held():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
def chunks():
    with open(sys.argv[1], "rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            yield chunk
before = held()
done = sum(len(piece) for piece in decompressed(chunks(), sys.argv[2], threads=2))
print(done, held() - before)
"""


@pytest.mark.parametrize("frame_mib", [1, 4, 12, 96])
def test_memory_is_bounded(tmp_path: Path, frame_mib: int) -> None:
    """Frames that don't compress, of any size, take less than 48 MiB."""
    raw = random.Random(3).randbytes(frame_mib << 20)
    frame = zstandard.ZstdCompressor(level=1).compress(raw)
    path = tmp_path / "image"
    with path.open("wb") as file:
        for _ in range(96 // frame_mib):
            file.write(frame)
    command = [sys.executable, "-c", _PEAK, str(path), "zstd"]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    done, peak_kib = map(int, told.split())
    assert done == 96 << 20
    assert peak_kib < 48 << 10
