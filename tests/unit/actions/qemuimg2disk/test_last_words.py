"""qemu-nbd's last words, which say why an image can't be read; a program of that name stands in for it."""

import sys
from pathlib import Path

import pytest

from osie.actions.fetch.source import SourceError
from osie.actions.qemuimg2disk import nbd

_HANGS_UP = f"""\
#!{sys.executable}
import socket, sys
path = next(word.removeprefix("--socket=") for word in sys.argv if word.startswith("--socket="))
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
connection = server.accept()[0]
connection.close()
sys.exit("qemu-nbd: Failed to blk_new_open 'json:{{'driver': 'vpc'}}': Could not open it\\x1b[2J")
"""


def test_its_last_words_are_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """qemu-nbd listens before it opens the image: a connection comes and ends before a word is said."""
    program = tmp_path / "qemu-nbd"
    program.write_text(_HANGS_UP)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    why = r"^the image can't be read: Could not open it\?\[2J$"
    with pytest.raises(SourceError, match=why), nbd.shown("qcow2", {}):
        raise AssertionError


def test_a_host_without_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked before the disk is touched."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="no such program here"):
        nbd.insist_on_program()
