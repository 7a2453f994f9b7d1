"""A server of the soak: tink's engine and its gRPC services over a store, until it is killed."""

import asyncio
import os
import sys
from pathlib import Path

from osie.cli import config
from osie.core.errors import OsieError
from osie.tink.grpc import agent_service
from osie.tink.service.service import Tink
from osie.tink.store.database import Store


def run(url: str, port: int, log: Path) -> None:
    """The process's whole life. Its exit status is 1 where the store can't be opened."""
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        asyncio.run(_serve(url, port))
    except OsieError as error:
        sys.exit(f"{error}")


async def _serve(url: str, port: int) -> None:
    store = await Store.open(url)
    async with (
        Tink(store) as tink,
        agent_service.serve(tink.agents, f"127.0.0.1:{port}", hold_s=config.Tink().hold_s),
    ):
        await asyncio.Event().wait()
