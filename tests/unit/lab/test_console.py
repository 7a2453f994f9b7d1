"""The serial console: from bytes to lines that can be awaited."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.core.errors import OsieError
from osie.lab.console import Console, ConsoleError, Line, LineParser


def texts(data: bytes) -> list[str]:
    """The lines in the bytes."""
    return [line.text for line in LineParser().feed(data, 1.0)]


def test_lines_of_firmware_and_kernel() -> None:
    """Escape sequences, carriage returns and empty lines of firmware and GRUB leave the text alone."""
    assert texts(b"\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS (version 1.16)\r\n\r\n") == ["SeaBIOS (version 1.16)"]
    assert texts(b"[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39mx\x1b[0m\r\r\n") == [
        "[  OK  ] Reached target x"
    ]
    assert texts(b"Wait 10\rWait 9\rdone\n") == ["done"]
    assert texts(b"Welcome to GRUB!\x1b[01;01H[ 0.0] Linux\r\n") == ["Welcome to GRUB!", "[ 0.0] Linux"]


def test_undecodable_bytes_are_replaced() -> None:
    """Line noise is no error."""
    assert texts(b"a\xffb\n") == ["a�b"]


@given(st.lists(st.text(alphabet="abcäö€ .:", min_size=1).map(str.strip).filter(bool)), st.data())
def test_how_bytes_are_cut_does_not_matter(lines: list[str], data: st.DataObject) -> None:
    """The same lines come out, wherever reads end."""
    stream = "".join(f"{line}\r\n" for line in lines).encode()
    parser, out, at = LineParser(), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, 7))
        out += parser.feed(stream[at : at + step], 0.0)
        at += step
    assert [line.text for line in out] == lines


def test_endless_line_is_cut() -> None:
    """A machine that never ends its line doesn't fill our memory."""
    parser = LineParser()
    for _ in range(10):
        parser.feed(b"x" * 1000, 0.0)
    assert len(parser.unfinished) <= 4096


async def test_wait_for_past_present_and_prompt(tmp_path: Path) -> None:
    """What came before is found, unless it is too old; so is a prompt without an end."""
    console = Console(tmp_path / "log")
    console.feed(b"osie: init ok at=1.000\n", 10.0)
    assert (await console.wait_for(r"init ok", 1)).at == 10.0
    later = asyncio.create_task(console.wait_for(r"init ok", 5, since=11.0))
    prompt = asyncio.create_task(console.wait_for(r"login: ", 5))
    await asyncio.sleep(0)
    console.feed(b"osie: init ok at=2.000\ndebian login: ", 12.0)
    assert (await later).at == 12.0
    assert (await prompt).text == "debian login: "
    console.close()


async def test_log_has_the_times(tmp_path: Path) -> None:
    """The file has each line after its unix time."""
    console = Console(tmp_path / "deep/log")
    console.feed(b"one\ntwo\n", 1700000000.25)
    console.close()
    assert (tmp_path / "deep/log").read_text() == "1700000000.250 one\n1700000000.250 two\n"


async def test_timeout_tells_the_last_line(tmp_path: Path) -> None:
    """Waiting in vain says what came instead."""
    console = Console(tmp_path / "log")
    console.feed(b"Kernel panic\n", 1.0)
    with pytest.raises(ConsoleError, match="Kernel panic"):
        await console.wait_for("login", 0.01)
    console.close()


async def test_failure_reaches_those_who_wait(tmp_path: Path) -> None:
    """Who waits for a machine that is dead learns it at once."""
    console = Console(tmp_path / "log")
    waiting = asyncio.create_task(console.wait_for("login", 60))
    await asyncio.sleep(0)
    console.history.fail(OsieError("it is dead"))
    with pytest.raises(OsieError, match="dead"):
        await waiting


async def test_follow_misses_nothing(tmp_path: Path) -> None:
    """A late reader gets the lines from the first on."""
    console = Console(tmp_path / "log")
    console.feed(b"1\n2\n", 1.0)
    got: list[Line] = []

    async def read() -> None:
        async for line in console.follow():
            got.append(line)
            if line.text == "3":
                return

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    console.feed(b"3\n", 2.0)
    await reader
    assert [line.text for line in got] == ["1", "2", "3"]
    console.close()
