"""HTTP responses as engines send them."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.worker.runtime.http1 import BrokenResponse, read_response

BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=8)


def reader(*pieces: bytes) -> asyncio.StreamReader:
    """A connection on which these bytes have come, and that was closed then."""
    stream = asyncio.StreamReader()
    for piece in pieces:
        stream.feed_data(piece)
    stream.feed_eof()
    return stream


def chunked(pieces: list[bytes]) -> bytes:
    """A response in the chunked coding."""
    chunks = b"".join(b"%x;extension=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"


@given(BODIES)
async def test_chunked_body(pieces: list[bytes]) -> None:
    """A body comes out as it went in, however it is chunked."""
    assert await (await read_response(reader(chunked(pieces)))).read() == b"".join(pieces)


@given(BODIES, st.data())
async def test_a_cut_response_is_an_error(pieces: list[bytes], data: st.DataObject) -> None:
    """A response that ends anywhere before its end is never taken for a whole one."""
    whole = chunked(pieces)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(BrokenResponse):
        await (await read_response(reader(cut))).read()


@pytest.mark.parametrize(
    ("head", "body", "read"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", b"abc", b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", b""),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"till the end", b"till the end"),
    ],
)
async def test_other_framings(head: bytes, body: bytes, read: bytes) -> None:
    """A body of known length, none, and one that ends with the connection."""
    assert await (await read_response(reader(head, body))).read() == read


@pytest.mark.parametrize(
    "wrong",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000,
    ],
)
async def test_what_is_not_http(wrong: bytes) -> None:
    """What isn't a whole HTTP response is an error."""
    with pytest.raises(BrokenResponse):
        await (await read_response(reader(wrong))).read()
