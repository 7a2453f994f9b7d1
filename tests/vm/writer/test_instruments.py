"""What the other tests here measure with is itself measured: the disk does lose, tear and alter; the verdict
does tell half an image from a whole one.
"""

import random

import pytest
from vm.writer import content
from vm.writer.conftest import Site
from vm.writer.medium import SECTOR, Lie, Medium
from vm.writer.verdict import END_BYTES, state

_MIB = 1 << 20
_AT = 8 * _MIB
# Past the page cache, so that the write has reached the disk when pwrite returns.
_WRITE = f"""
import mmap, os, sys
piece = mmap.mmap(-1, {_MIB})
piece[:] = b"x" * {_MIB}
disk = os.open("/dev/vda", os.O_WRONLY | os.O_DIRECT)
os.pwrite(disk, piece, {_AT})
if sys.argv[1] == "flush":
    os.fsync(disk)
"""


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("then", ["flush", "nothing"])
async def test_what_a_guest_did_not_flush_is_lost(site: Site, then: str) -> None:
    """A guest's write is gone with the power, unless the guest flushed."""
    site.medium.replace(content.old_disk())
    await site.machine.begin({"argv": ["python3", "-c", _WRITE, then], "environment": {}})
    assert (await site.machine.ended(60))["status"] == 0, site.machine.said()
    await site.machine.cut()
    written = b"x" * _MIB
    assert site.medium.seen[_AT : _AT + _MIB] == written
    site.medium.lose_all()
    assert (site.medium.durable[_AT : _AT + _MIB] == written) == (then == "flush")


def test_unflushed_writes_are_kept_lost_or_torn() -> None:
    """With the power goes none, all or a run of sectors of each write since the last flush."""
    fates = set()
    for seed in range(200):
        medium = Medium(bytes(8 * SECTOR))
        medium.write(0, b"f" * SECTOR)
        medium.flush()
        medium.write(2 * SECTOR, b"h" * 4 * SECTOR)
        medium.lose_power(random.Random(seed))
        left = medium.durable
        assert left[:SECTOR] == b"f" * SECTOR
        assert medium.seen == left
        fates.add(sum(left[at] == ord("h") for at in range(2 * SECTOR, 6 * SECTOR, SECTOR)))
    assert fates == {0, 1, 2, 3, 4}


def test_a_cut_takes_effect_before_its_command() -> None:
    """The command at which power goes is not answered; a flush that was not answered flushed nothing."""
    medium, cuts = Medium(bytes(4 * SECTOR)), []
    medium.cut_at, medium.on_cut = 1, lambda: cuts.append(len(medium.log))
    medium.write(0, b"x" * SECTOR)
    assert not medium.dark
    medium.flush()
    assert medium.dark
    assert cuts == [1]
    medium.lose_all()
    assert medium.durable == bytes(4 * SECTOR)


def test_lies() -> None:
    """A disk can drop a write, alter it, or leave what it should have zeroed, and says nothing."""
    for lie, byte in ((Lie("drop", SECTOR), ord("o")), (Lie("alter", SECTOR), ord("x") ^ 1)):
        medium = Medium(b"o" * 4 * SECTOR, lie=lie)
        medium.write(0, b"x" * 2 * SECTOR)
        medium.flush()
        assert medium.durable[SECTOR] == byte
        medium.zero(0, 2 * SECTOR)
        assert medium.read(SECTOR, 1) == b"\0"
    medium = Medium(b"o" * 4 * SECTOR, lie=Lie("drop-zeroing", SECTOR))
    medium.zero(0, 2 * SECTOR)
    assert medium.read(SECTOR, 1) == b"o"


def test_verdict() -> None:
    """Each state is known, and half an image is none of them."""
    size = 4 * END_BYTES
    old, image = random.Random(1).randbytes(size), random.Random(2).randbytes(size)
    end, gone = END_BYTES, bytes(END_BYTES)
    known = {
        "untouched": old,
        "being erased": gone[:SECTOR] + old[SECTOR:-end] + gone,
        "dead": gone + image[end : 2 * end] + old[2 * end : -end] + gone,
        "ending": gone[:SECTOR] + image[SECTOR:],
        "installed": image,
    }
    assert {name: state(disk, image, old) for name, disk in known.items()} == {name: name for name in known}
    half = {
        "the first sector before the others": image[:SECTOR] + gone[SECTOR:] + image[end:],
        "an end before all else": gone + old[end:-end] + image[-end:],
        "old and new": old[:end] + image[end:],
        "one byte": image[:end] + bytes([image[end] ^ 1]) + image[end + 1 :],
    }
    assert {name: state(disk, image, old) for name, disk in half.items()} == dict.fromkeys(half)
