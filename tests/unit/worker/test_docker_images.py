"""Images that an engine can't pull: which faults end the trying, and what is told of them."""

import asyncio
from pathlib import Path

import pytest

from osie.contracts.image_name import Credentials
from osie.worker.runtime.engine import Engine, EngineError
from osie.worker.runtime.images import DockerImages

# What Docker 20.10 answers to POST /images/create where a layer is compressed by zstd
_OLD_DOCKER = (
    b'{"status":"Extracting","id":"1"}\n{"errorDetail":{"message":"archive/tar: invalid tar header"},'
    b'"error":"archive/tar: invalid tar header"}\n'
)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request of an engine that has no image and can't read zstd."""
    request = (await reader.readuntil(b"\r\n\r\n")).split()[1]
    status, body = (404, b'{"message":"no such image"}') if b"/json" in request else (200, b"OK")
    if b"/images/create" in request:
        status, body = 200, _OLD_DOCKER
    fields = f"Api-Version: 1.41\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    head = f"HTTP/1.1 {status} X\r\n{fields}"
    writer.write(head.encode() + body)
    writer.close()
    await writer.wait_closed()


async def test_an_engine_that_is_too_old_is_told_at_once(tmp_path: Path) -> None:
    """Docker before 23.0 can't read our layers: that is said, and not tried again for a minute."""
    async with await asyncio.start_unix_server(_answer, tmp_path / "engine.sock"):
        images = DockerImages(Engine(str(tmp_path / "engine.sock")), Credentials("", "", ""))
        async with asyncio.timeout(10):
            with pytest.raises(EngineError, match=r"actions/reboot: this engine can't read zstd .*23\.0"):
                await images.have("host:5000/actions/reboot")
