"""A connection that breaks as soon as it is made."""

import asyncio

import pytest

from osie.contracts import tink_pb2
from osie.worker.action import Unreachable
from osie.worker.transport.link import Link


async def test_a_server_that_hangs_up_is_unreachable() -> None:
    """However soon the server's end closes, the call says Unreachable, and nothing else."""

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    link = Link("127.0.0.1", server.sockets[0].getsockname()[1], None)
    for _ in range(20):
        with pytest.raises(Unreachable):
            await link.call(
                "/proto.WorkflowService/GetAction", tink_pb2.ActionRequest(), tink_pb2.ActionResponse
            )
    link.close()
    server.close()
    await server.wait_closed()
