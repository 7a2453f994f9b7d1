"""A Medium as an export over a Unix socket.

Source: the NBD project's doc/proto.md: newstyle negotiation, simple replies.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from connections import answered
from vm.writer.medium import Medium

_OPTION, _OPTION_REPLY = 0x49484156454F5054, 0x3E889045565A9
_REQUEST, _REPLY = 0x25609513, 0x67446698
_FIXED_NO_ZEROES = 3
_EXPORT_NAME, _ABORT, _INFO, _GO = 1, 2, 6, 7
_ACK, _INFO_REPLY, _UNSUPPORTED = 1, 3, 0x80000001
_FLAGS = 0b1101101  # has flags, flush, FUA, trim, write zeroes
_READ, _WRITE, _DISCONNECT, _FLUSH, _TRIM, _ZERO = 0, 1, 2, 3, 4, 6
_FUA = 1
_INVALID = 22


async def _negotiate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> bool:
    """Agree on the export, whatever its name; False where the client leaves instead."""
    writer.write(b"NBDMAGICIHAVEOPT" + struct.pack(">H", _FIXED_NO_ZEROES))
    await reader.readexactly(4)
    while True:
        _, option, length = struct.unpack(">QII", await reader.readexactly(16))
        await reader.readexactly(length)

        def answer(kind: int, data: bytes = b"", option: int = option) -> None:
            writer.write(struct.pack(">QIII", _OPTION_REPLY, option, kind, len(data)) + data)

        if option == _EXPORT_NAME:
            writer.write(struct.pack(">QH", size, _FLAGS))
            return True
        if option in (_GO, _INFO):
            answer(_INFO_REPLY, struct.pack(">HQH", 0, size, _FLAGS))
            answer(_ACK)
            if option == _GO:
                return True
        elif option == _ABORT:
            answer(_ACK)
            return False
        else:
            answer(_UNSUPPORTED)


async def _serve(medium: Medium, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if not await _negotiate(reader, writer, medium.size):
        return
    while True:
        head = struct.unpack(">IHHQQI", await reader.readexactly(28))
        _, flags, kind, handle, offset, length = head
        data, error = b"", 0
        if kind == _READ:
            data = medium.read(offset, length)
        elif kind == _WRITE:
            medium.write(offset, await reader.readexactly(length))
        elif kind == _ZERO:
            medium.zero(offset, length)
        elif kind == _FLUSH:
            medium.flush()
        elif kind == _DISCONNECT:
            return
        elif kind != _TRIM:  # a hint, and ours to leave
            error = _INVALID
        if flags & _FUA and kind in (_WRITE, _ZERO):
            medium.flush()
        if medium.dark:
            return  # without an answer
        writer.write(struct.pack(">IIQ", _REPLY, error, handle) + data)
        await writer.drain()


@asynccontextmanager
async def exported(medium: Medium, path: Path) -> AsyncIterator[str]:
    """Serve the medium on a socket at `path`; yields its name for QEMU."""

    async with answered(path, lambda reader, writer: _serve(medium, reader, writer), limit=1 << 20):
        yield f"nbd:unix:{path}"
