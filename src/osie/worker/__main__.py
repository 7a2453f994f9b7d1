"""`python3 -m osie.worker`: reads the environment, puts the parts together, and exits.

Exit status: 0 when told to stop or at the end of a file of actions, 1 where the environment is wrong.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from osie.core.errors import OsieError, chain
from osie.worker import attributes, settings
from osie.worker.docker_runtime import DockerRuntime
from osie.worker.engine import Engine
from osie.worker.file_transport import FileTransport
from osie.worker.grpc_transport import GrpcSink, GrpcSource, GrpcTelemetry, Link, tls_context
from osie.worker.journal import tell
from osie.worker.loop import Stop, Worker


def _over_grpc(given: settings.Settings, runtime: DockerRuntime, stop: Stop) -> tuple[Worker, Link]:
    link = Link(given.host, given.port, tls_context(verify=given.verify) if given.tls else None)
    worker = Worker(
        source=GrpcSource(link, given.agent_id, lambda: attributes.read(Path("/"))),
        sink=GrpcSink(link),
        telemetry=GrpcTelemetry(link),
        runtime=runtime,
        images=runtime,
        stop=stop,
    )
    return worker, link


async def work(given: settings.Settings) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.ask)
    runtime = DockerRuntime(Engine(given.engine_socket), given.credentials)
    if given.file is not None:
        file = FileTransport(given.file, given.agent_id)
        await Worker(source=file, sink=file, telemetry=file, runtime=runtime, images=runtime, stop=stop).run()
        return
    worker, link = _over_grpc(given, runtime, stop)
    try:
        await worker.run()
    finally:
        link.close()


def main() -> int:
    """Entry point."""
    try:
        given = settings.read(os.environ)
        tell("worker", id=given.agent_id, server=f"{given.host}:{given.port}", tls=given.tls)
        asyncio.run(work(given))
    except OsieError as error:
        for sentence in [*chain(error), *([error.hint] if error.hint else [])]:
            tell("error", reason=sentence)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
