"""A server process for test_survival: `python server.py DATABASE GRPC_PORT`. Says "ready" when it serves."""

import asyncio
import sys

from osie.tink.grpc import agent_service
from osie.tink.service.service import Tink
from osie.tink.store.database import Store


async def main(url: str, port: str) -> None:
    """Serve until killed."""
    store = await Store.open(url)
    async with Tink(store, tick_s=0.2) as tink, agent_service.serve(tink.agents, f"127.0.0.1:{port}"):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
