"""qemu-nbd, which shows an image as the disk that it is, and the few words of NBD that reading takes.

The protocol: github.com/NetworkBlockDevice/nbd, doc/proto.md. The newstyle handshake with structured replies,
in which the server names holes in place of sending their zeroes; one request at a time: our other stages run
ahead.
"""

import json
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from osie.actions import zeroes
from osie.actions.fetch.source import CHUNK_BYTES, SourceError
from osie.core.process import clean_environment

_PROGRAM = "qemu-nbd"
_GREETING, _OPTION = b"NBDMAGICIHAVEOPT", b"IHAVEOPT"
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_EXPORT_NAME, _STRUCTURED_REPLY = 1, 8  # options
_OPTION_REPLY, _ACKNOWLEDGED = 0x3E889045565A9, 1
_REQUEST, _READ = 0x25609513, 0
_REPLY, _LAST = 0x668E33EF, 1
_NONE, _DATA, _HOLE = 0, 1, 2  # kinds of chunks
_MOST_OF_ANOTHER = 64 << 10  # bytes of a chunk of another kind, an error with its words
_READY_S = 20.0
_MOST_SAID = 4096  # bytes
_POLL_S = 0.02
# what qemu-nbd says in front of why: our own words for the image
_OPENING = re.compile(r"^Failed to blk_new_open 'json:.*': (?=.)")


class NbdSource:
    """The disk behind a connected socket, as a Source."""

    ends_clearly = True
    seekable = True

    def __init__(self, connection: socket.socket, gone: Callable[[], SourceError]) -> None:
        """`gone`: the error for a server that hung up."""
        self._connection = connection
        self._gone = gone
        self.total: int | None = None

    def open(self) -> None:
        """Shake hands, and learn the disk's size."""
        if self.total is not None:
            return
        if self._receive(len(_GREETING) + 2)[: len(_GREETING)] != _GREETING:
            raise _unlike_a_server()
        self._send(struct.pack(">I", _FIXED_NEWSTYLE | _NO_ZEROES))
        self._send(_OPTION + struct.pack(">II", _STRUCTURED_REPLY, 0))
        reply = struct.unpack(">QIII", self._receive(20))
        if reply != (_OPTION_REPLY, _STRUCTURED_REPLY, _ACKNOWLEDGED, 0):
            raise _unlike_a_server()
        self._send(_OPTION + struct.pack(">II", _EXPORT_NAME, 0))
        self.total, _flags = struct.unpack(">QH", self._receive(10))

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes [start, end)."""
        self.open()
        last = min(self.total or 0, end if end is not None else self.total or 0)
        for offset in range(start, last, CHUNK_BYTES):
            yield self._read(offset, min(CHUNK_BYTES, last - offset))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _read(self, offset: int, length: int) -> bytes:
        """The bytes; `zeroes.PIECE` itself, or a part of it, where all are a hole's."""
        self._send(struct.pack(">IHHQQI", _REQUEST, 0, _READ, offset, offset, length))
        memory: bytearray | None = None  # from the first byte on that is sent
        last = False
        while not last:
            magic, flags, kind, cookie, size = struct.unpack(">IHHQI", self._receive(20))
            if magic != _REPLY or cookie != offset:
                raise _unlike_a_server()
            last = bool(flags & _LAST)
            if kind == _DATA:
                memory = bytearray(length) if memory is None else memory
                (at,) = struct.unpack(">Q", self._receive(8))
                if not offset <= at <= at + size - 8 <= offset + length:
                    raise _unlike_a_server()
                self._receive_into(memoryview(memory)[at - offset :][: size - 8])
                continue
            self._receive(min(size, _MOST_OF_ANOTHER))
            if kind not in (_NONE, _HOLE):
                raise SourceError(f"the image can't be read at byte {offset}: it is damaged, or cut off")
        return bytes(memory) if memory is not None else zeroes.PIECE[:length]

    def _send(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise self._gone() from error

    def _receive(self, length: int) -> bytes:
        memory = bytearray(length)
        self._receive_into(memoryview(memory))
        return bytes(memory)

    def _receive_into(self, view: memoryview) -> None:
        have = 0
        while have < len(view):
            try:
                count = self._connection.recv_into(view[have:])
            except OSError as error:
                raise self._gone() from error
            if not count:
                raise self._gone()
            have += count


def _unlike_a_server() -> SourceError:
    return SourceError("qemu-nbd doesn't answer as an NBD server does")


def insist_on_program() -> None:
    """Raise SourceError where qemu-nbd isn't there."""
    if shutil.which(_PROGRAM, path=clean_environment()["PATH"]) is None:
        raise SourceError(f"{_PROGRAM}: no such program here", hint="Debian has it in qemu-utils")


@contextmanager
def shown(kind: str, file: Mapping[str, object]) -> Iterator[NbdSource]:
    """The image of that kind as a disk, opened; `file` says where it is, in terms of QEMU's block drivers.

    Raises SourceError with qemu-nbd's last words where it doesn't take the image.
    """
    node: dict[str, object] = {"driver": kind, "file": dict(file)}
    if kind in ("qcow2", "vmdk"):
        node["backing"] = None
    with tempfile.TemporaryDirectory(prefix="osie-nbd-") as folder, tempfile.TemporaryFile() as said:
        path = Path(folder) / "socket"
        process = subprocess.Popen(
            [_PROGRAM, "--read-only", f"--socket={path}", f"json:{json.dumps(node)}"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=clean_environment(),
        )
        try:
            source = NbdSource(_connected(process, path, said), lambda: _last_words(process, said))
            try:
                source.open()
                yield source
            finally:
                source.close()
        finally:
            process.kill()
            process.wait()


def _connected(process: "subprocess.Popen[bytes]", path: Path, said: IO[bytes]) -> socket.socket:
    """A connection. That there is one says little: qemu-nbd listens before it opens the image."""
    deadline = time.monotonic() + _READY_S
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            if process.poll() is not None:
                raise _last_words(process, said) from None
            if time.monotonic() > deadline:
                raise SourceError(f"qemu-nbd isn't there after {_READY_S:g} s: {error.strerror}") from error
            time.sleep(_POLL_S)
        else:
            return connection


def _last_words(process: "subprocess.Popen[bytes]", said: IO[bytes]) -> SourceError:
    """The error for a qemu-nbd that has hung up: with what it said last, once it has ended."""
    try:
        fate = f"exit status {process.wait(_READY_S)}"
    except subprocess.TimeoutExpired:
        fate = "it hung up"
    said.seek(0)
    lines = said.read(_MOST_SAID).decode(errors="replace").strip().splitlines() or [f"no word why, {fate}"]
    said_last = _OPENING.sub("", lines[-1].removeprefix(f"{_PROGRAM}: "))
    told = "".join(c if c.isprintable() else "?" for c in said_last)
    return SourceError(f"the image can't be read: {told}")
