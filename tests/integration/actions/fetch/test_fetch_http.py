"""An image from a server that misbehaves: whole and right, or one clear error."""

import itertools
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from unruly import Answer, Served, Unruly, flipped, unruly

from osie.actions.fetch.connection import Connection
from osie.actions.fetch.http import HttpSource
from osie.actions.fetch.mirror import Mirror
from osie.actions.fetch.opening import source_for
from osie.actions.fetch.parallel import MOST_AHEAD_BYTES, SLICE_BYTES
from osie.actions.fetch.patience import Patience
from osie.actions.fetch.source import CHUNK_BYTES, Source, SourceError

MIB = 1 << 20
LONG = Patience(pause_s=0.02)
QUICK = Patience(outage_s=0.7, stall_s=0.4, pause_s=0.1)
SOON = {"Retry-After": "1"}
NAMELESS = Answer(etag="", ranges=False)
BODY = os.urandom(5 * MIB + 77)


@pytest.fixture
def server() -> Iterator[Unruly]:
    """A server that is told how to misbehave."""
    with unruly() as running:
        yield running


@contextmanager
def opened(
    *urls: str, patience: Patience = LONG, connections: int = 1, checked: bool = False
) -> Iterator[Source]:
    """A source that is closed afterwards. Loopback counts as slow: several connections are really used."""
    source = HttpSource(
        [Mirror(url) for url in urls],
        patience,
        lambda _line: None,
        connections=connections,
        checked=checked,
        fast_bytes_per_s=math.inf,
    )
    try:
        source.open()
        yield source
    finally:
        source.close()


def fetched(served: Served, connections: int = 1, patience: Patience = LONG, checked: bool = False) -> bytes:
    """All of it."""
    with opened(served.url, patience=patience, connections=connections, checked=checked) as source:
        return b"".join(source.chunks())


both = pytest.mark.parametrize("connections", [1, 2], ids=["one", "two"])


@both
@pytest.mark.parametrize(
    "answers",
    [
        [Answer()],
        [Answer(upto=3 * MIB, then="reset"), Answer()],
        [Answer(upto=3 * MIB), Answer(upto=4 * MIB), Answer()],
        [Answer(upto=3 * MIB, then="stall"), Answer()],
        [Answer(upto=3 * MIB, then="trickle"), Answer()],
        [Answer(upto=3 * MIB), Answer(status=500), Answer(status=429, headers=SOON), Answer()],
        [Answer(upto=3 * MIB), Answer(ranges=False)],
        [Answer(upto=0), Answer()],
        [Answer(ranges=False)],
        [Answer(ranges=False, chunked=True, upto=3 * MIB), Answer(ranges=False, chunked=True)],
        [Answer(ranges=False, sized=False)],
        [Answer(etag="", upto=3 * MIB), Answer(etag="")],
        [Answer(etag='W/"1"', upto=3 * MIB), Answer(etag='W/"1"')],
    ],
    ids=[
        "well", "reset", "twice", "stall", "trickle", "500-429", "ranges-lost", "at-once", "no-ranges",
        "chunked", "no-length", "no-validator", "weak-validator",
    ],
)  # fmt: skip
def test_the_image_arrives_whole(server: Unruly, answers: list[Answer], connections: int) -> None:
    """Whatever happens to the connection, with one of them or two."""
    served = server.serve(BODY, *answers)
    assert fetched(served, connections, Patience(outage_s=9, stall_s=0.4, pause_s=0.02)) == BODY


@both
@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([Answer(upto=3 * MIB), Answer(etag='"2"')], "changed on the server"),
        ([Answer(upto=3 * MIB), Answer(etag='"2"', ranges=False)], "changed on the server"),
        ([replace(NAMELESS, upto=3 * MIB), replace(NAMELESS, body=flipped(BODY, 9))], "changed on the"),
        ([Answer(etag="", upto=3 * MIB), Answer(etag="", body=flipped(BODY, 9))], "changed on the server"),
        ([Answer(upto=3 * MIB), Answer(longer=1)], "changed on the server"),
        ([Answer(longer=5)], "connection ended|416"),
        ([Answer(longer=-5)], "sends more than the"),
        ([Answer(after=b"x")], "sends more than the"),
        ([Answer(upto=3 * MIB), Answer(content_range="bytes 0-9/99")], "range"),
        ([Answer(upto=3 * MIB), Answer(content_range="")], "206 with the range ''"),
        ([Answer(upto=3 * MIB), Answer(status=500)], "500.*gave up after 0.7 s"),
        ([Answer(upto=3 * MIB), Answer(status=404)], "answers 404"),
        ([Answer(status=302)], "redirects to nowhere"),
        ([Answer(status=302, location="/0/image")], "the redirects go in a circle"),
        ([Answer(status=302, location="file:///etc/passwd")], "redirects to file"),
        ([Answer(status=302, location="http://[::1/")], r"redirects to http://\[::1/"),
        ([Answer(status=302, location="http://host:port/")], "redirects to http://host:port/"),
        ([Answer(status=204)], "answers 204"),
        ([Answer(status=503, headers={"Retry-After": "3600"})], "left alone for 3600 s; gave up"),
        ([Answer(upto=3 * MIB, then="stall")], "nothing arrives"),
        ([Answer(headers={"Content-Encoding": "br"})], "Content-Encoding br"),
        ([Answer(headers={"Content-Encoding": "gzip"})], "Content-Encoding gzip, and sends something else"),
    ],
)  # fmt: skip
def test_what_cant_be_the_image_is_an_error(
    server: Unruly, answers: list[Answer], words: str, connections: int
) -> None:
    """One line that says what, never bytes that look like success."""
    served = server.serve(BODY, *answers)
    with pytest.raises(SourceError, match=words):
        fetched(served, connections, QUICK)


@both
def test_what_broke_a_connection_is_told_though_bytes_came_before(server: Unruly, connections: int) -> None:
    """A socket names its error once, perhaps to the call whose bytes are handed on first."""
    served = server.serve(BODY, Answer(upto=MIB - 53, then="reset"))
    with pytest.raises(SourceError, match=f"reset by peer at byte [1-9][0-9]* of {len(BODY)}"):
        fetched(served, connections, Patience(retry=False))


@both
def test_a_label_on_a_compressed_file_is_passed_over(server: Unruly, connections: int) -> None:
    """Apache says Content-Encoding of a .gz that it sends as it is stored."""
    body = b"\x1f\x8b" + BODY
    served = server.serve(body, Answer(headers={"Content-Encoding": "x-gzip"}))
    assert fetched(served, connections) == body


@both
def test_a_digest_decides_where_the_end_is(server: Unruly, connections: int) -> None:
    """What comes behind the announced end doesn't matter where all bytes are compared anyway."""
    assert fetched(server.serve(BODY, Answer(after=b"x")), connections, checked=True) == BODY


@pytest.mark.parametrize("connections", [1, 2, 4])
@pytest.mark.parametrize("size", [0, 1, SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 9 * MIB + 5])
def test_no_byte_is_sent_twice(server: Unruly, size: int, connections: int) -> None:
    """However many connections: many machines that pull one image cost the server no more than its bytes."""
    served = server.serve((BODY * 2)[:size])
    assert fetched(served, connections) == served.body
    assert served.sent == size


@both
def test_any_part_can_be_had_any_number_of_times(server: Unruly, connections: int) -> None:
    """The same bytes, in pieces of bounded size; a part costs little more than its bytes."""
    served = server.serve(BODY)
    with opened(served.url, connections=connections) as source:
        assert (source.total, source.ends_clearly, source.seekable) == (len(BODY), True, True)
        for start, end in [(0, 9), (9, None), (0, None), (4 * MIB, None), (7, 8), (3, 3), (len(BODY), None)]:
            pieces = list(source.chunks(start, end))
            assert b"".join(pieces) == BODY[start:end]
            assert max(map(len, pieces), default=0) <= CHUNK_BYTES


@both
def test_a_second_reading_is_of_the_same_version(server: Unruly, connections: int) -> None:
    """Also where the server names none: the bytes that were there before are compared."""
    served = server.serve(
        BODY, Answer(etag="", ranges=False), Answer(etag="", ranges=False, body=flipped(BODY, 9))
    )
    with opened(served.url, connections=connections) as source:
        assert b"".join(source.chunks()) == BODY
        with pytest.raises(SourceError, match="changed on the server"):
            list(source.chunks())


def test_little_is_held_however_slow_the_reader(server: Unruly) -> None:
    """Several connections don't run away from the one who reads."""
    served = server.serve(os.urandom(2 * MOST_AHEAD_BYTES + 5 * SLICE_BYTES))
    with opened(served.url, connections=4) as source:
        pieces = source.chunks()
        had = sum(len(piece) for piece in itertools.islice(pieces, 4))
        asked = max(
            int(wanted.rpartition("-")[2]) for wanted in served.ranges if wanted and wanted[-1] != "-"
        )
        assert asked < had + MOST_AHEAD_BYTES + SLICE_BYTES
        assert had + sum(map(len, pieces)) == len(served.body)


def test_a_server_that_wants_one_connection_gets_one(server: Unruly) -> None:
    """Where the second one is refused."""
    served = server.serve(BODY * 2, Answer(), Answer(status=503), Answer())
    assert fetched(served, 4) == served.body


def test_close_ends_a_reader_that_waits(server: Unruly) -> None:
    """From another thread, at once."""
    served = server.serve(BODY, Answer(upto=0, then="stall"))
    source = source_for([served.url], Patience(), lambda _line: None)
    ended: list[str] = []

    def read() -> None:
        try:
            list(source.chunks())
        except SourceError as error:
            ended.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    while not served.requests:
        reader.join(0.01)
    source.close()
    reader.join(20)
    assert ended
    assert "given up" in ended[0]


def test_the_total_deadline_ends_a_server_that_is_merely_slow(server: Unruly) -> None:
    """Bytes keep coming, and the time is over."""
    served = server.serve(BODY, Answer(upto=3 * MIB, then="trickle"))
    with pytest.raises(SourceError, match=r"not done after 0\.8 s, at byte"):
        fetched(served, patience=Patience(total_s=0.8))


def test_a_byte_now_and_then_doesnt_keep_us(server: Unruly) -> None:
    """Without a total deadline too: hardly anything counts as nothing."""
    served = server.serve(BODY, Answer(ranges=False, upto=MIB, then="trickle"))
    with pytest.raises(SourceError, match=r"hardly anything.*gave up"):
        fetched(served, patience=QUICK)


def test_an_empty_answer_for_ever_ends(server: Unruly) -> None:
    """A 206 that promises and brings nothing."""
    served = server.serve(BODY, Answer(upto=3 * MIB), Answer(upto=3 * MIB, chunked=True))
    with pytest.raises(SourceError, match="gave up"):
        fetched(served, patience=QUICK)


def test_one_try_is_one_try(server: Unruly) -> None:
    """RETRY_ENABLED=false."""
    served = server.serve(BODY, Answer(upto=3 * MIB), Answer())
    with pytest.raises(SourceError, match=f"connection ended at byte {3 * MIB} of {len(BODY)}"):
        fetched(served, patience=Patience(retry=False))
    assert len(served.requests) == 1


def test_a_proxy_is_used_where_the_environment_names_one(
    server: Unruly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http_proxy gets the whole URL; what no_proxy names is asked directly."""
    served = server.serve(BODY)
    monkeypatch.setenv("http_proxy", served.url.removesuffix("/0/image"))
    for url in ("http://image.invalid/0/image", served.url):
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with opened(url, connections=2) as source:
            assert b"".join(source.chunks()) == BODY


def test_what_a_network_in_no_proxy_holds_is_asked_directly(
    server: Unruly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Go's programs do. 0.0.0.0 leads to this host, and is no loopback, which never has a proxy."""
    served = server.serve(BODY)
    url = served.url.replace("127.0.0.1", "0.0.0.0")
    with unruly() as proxy:  # which has nothing
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.server_address[1]}")
        monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
        with pytest.raises(SourceError, match="404"), opened(url):
            pass
        assert not served.requests
        monkeypatch.setenv("NO_PROXY", "10.0.0.0/8, 0.0.0.0/8")
        with opened(url) as source:
            assert b"".join(source.chunks()) == BODY


def test_a_proxy_is_shown_its_password(server: Unruly, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that wants any (RFC 9110, 11.7.2); the server that it asks isn't."""
    served = server.serve(BODY)
    place = served.url.removesuffix("/0/image")
    monkeypatch.setenv("http_proxy", place.replace("http://", "http://user:p%40ss@"))
    with opened("http://image.invalid/0/image") as source:
        assert b"".join(source.chunks()) == BODY
    assert {request.proxy_authorization for request in served.requests} == {"Basic dXNlcjpwQHNz"}
    monkeypatch.setenv("no_proxy", "*")
    with opened(served.url) as source:
        assert b"".join(source.chunks()) == BODY
    assert served.requests[-1].proxy_authorization is None


def test_a_proxy_of_another_kind_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, without its password, and at once."""
    monkeypatch.setenv("http_proxy", "socks5://user:hush@192.0.2.1")
    with (
        pytest.raises(SourceError, match="HTTP_PROXY names no proxy") as caught,
        opened("http://image.invalid"),
    ):
        pass
    assert "hush" not in str(caught.value)


def test_a_url_may_hold_any_letter(server: Unruly) -> None:
    """It is sent as UTF-8, quoted; what is quoted already stays so."""
    server.serve(BODY, path="/%C3%BCber%20alles")
    with opened(f"http://127.0.0.1:{server.server_address[1]}/über%20alles") as source:
        assert b"".join(source.chunks()) == BODY


def test_the_query_is_a_secret(server: Unruly) -> None:
    """It's used, and in no line that is told."""
    served = server.serve(BODY, Answer(upto=3 * MIB), Answer(status=404))
    told: list[str] = []
    source = source_for([f"{served.url}?signature=hush"], Patience(), told.append)
    with pytest.raises(SourceError) as caught:
        list(source.chunks())
    source.close()
    assert "hush" not in str(caught.value) + "".join(told)
    assert told


@both
@pytest.mark.parametrize("checked", [True, False], ids=["digest", "no-digest"])
@pytest.mark.parametrize(
    "first",
    [
        [Answer(status=404)],
        [Answer(status=500)],
        [Answer(upto=3 * MIB), Answer(status=404)],
        [Answer(upto=3 * MIB), Answer(status=500)],
        [Answer(upto=3 * MIB), Answer(etag='"2"')],
    ],
    ids=["404", "500", "then-404", "then-500", "then-changed"],
)
def test_a_mirror_takes_over(server: Unruly, first: list[Answer], checked: bool, connections: int) -> None:
    """From the first byte or the middle; with a digest nothing is fetched twice, without one all is."""
    a, b = server.serve(BODY, *first), server.serve(BODY, Answer(etag='"of its own"'))
    with opened(a.url, b.url, connections=connections, checked=checked) as source:
        assert b"".join(source.chunks()) == BODY
    if len(first) == 1:
        assert b.sent == len(BODY)
    elif checked:
        assert b.sent < len(BODY)
    else:
        assert b.sent >= len(BODY)


def test_a_mirror_with_another_image_doesnt(server: Unruly) -> None:
    """Another length, other bytes where some were had already: it's out, and the next one is asked."""
    broken = [Answer(upto=3 * MIB), Answer(status=404)]
    a, b = server.serve(BODY, *broken), server.serve(BODY + b"x")
    c, d = server.serve(flipped(BODY, 5)), server.serve(BODY)
    with opened(a.url, b.url, c.url, d.url) as source:
        assert b"".join(source.chunks()) == BODY
    e = server.serve(BODY, *broken)
    with (
        opened(e.url, b.url, c.url) as source,
        pytest.raises(SourceError, match=r"none of 3 mirrors .*404.*changed"),
    ):
        list(source.chunks())


def test_without_a_digest_parts_of_two_servers_arent_put_together(server: Unruly) -> None:
    """A part from far behind was handed on: nothing proves that another server's beginning belongs to it."""
    a, b = server.serve(BODY, Answer(), Answer(), Answer(status=404)), server.serve(BODY)
    with opened(a.url, b.url, connections=1) as source:
        assert b"".join(source.chunks(4 * MIB)) == BODY[4 * MIB :]
        with pytest.raises(SourceError, match="nothing can prove"):
            list(source.chunks(0))


def test_a_response_ends_before_its_connection(server: Unruly) -> None:
    """Closed with the line: else its destructor may come after its buffer's, and fail; 3.13 tells it."""
    line = Connection(stall_s=5)
    response = line.ask(server.serve(BODY, Answer()).url, {})
    line.hang_up()
    assert response.closed
