"""Images compressed by every program that people use: byte for byte what went in."""

import random

import pytest
from disk_images import partitioned
from integration.actions.corpus.packers import PACKERS, Packer

from osie.actions.content import rule
from osie.actions.unpack.decompress import decompressed, kind_of

_PIECE = 65_537  # as it may come from a socket


@pytest.fixture(scope="module")
def raw() -> bytes:
    """A disk's image: noise, words, zeroes."""
    chance = random.Random(8)
    words = b" ".join(b"%d is a number" % chance.randrange(10**6) for _ in range(10_000))
    return partitioned(chance.randbytes(150_000) + words + bytes(300_000) + chance.randbytes(50_001))


@pytest.mark.parametrize("packer", PACKERS, ids=lambda packer: packer.name)
def test_what_was_packed_comes_out(packer: Packer, raw: bytes) -> None:
    """By one thread and by two; padded to whole sectors, too; and what comes out is a disk's content."""
    packed = packer.pack(raw)
    for stored in (packed, packed + bytes(-len(packed) % 512)):
        chunks = [stored[at : at + _PIECE] for at in range(0, len(stored), _PIECE)]
        for threads in (1, 2):
            assert b"".join(decompressed(iter(chunks), kind_of(packed), threads=threads)) == raw
    rule.check_disk(raw, kind_of(packed))
