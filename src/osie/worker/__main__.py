"""`python3 -m osie.worker`: reads the environment, puts the parts together, and exits.

Exit status: 0 when told to stop or when a file's workflow succeeded, 1 where the environment or the file is
wrong, 2 when the file's workflow didn't succeed.
"""

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from osie.contracts import requests
from osie.core.errors import OsieError, chain
from osie.worker import settings
from osie.worker.log import tell
from osie.worker.loop import Stop, Worker
from osie.worker.machine import attributes, nic_features
from osie.worker.machine.boot_id import boot_id
from osie.worker.runtime.docker import DockerRuntime
from osie.worker.runtime.engine import Engine
from osie.worker.runtime.images import DockerImages
from osie.worker.transport.generations import Generations
from osie.worker.transport.grpc import GrpcTelemetry
from osie.worker.transport.link import Link, tls_context

_USAGE = """usage: [VARIABLE=VALUE...] python3 -m osie.worker

The tink-worker takes no arguments: it asks a server for this machine's actions and runs them.

  WORKER_ID                  who this machine is
  TINKERBELL_GRPC_AUTHORITY  the server, HOST:PORT
  OSIE_ACTIONS_FILE          in place of a server: a workflow, as `osie render WORKFLOW -o json` writes it
  DOCKER_HOST                the engine's socket, unless it is unix:///var/run/docker.sock

docs/reference/worker.md has them all."""


async def work(given: settings.Settings) -> bool:
    """Run a worker until SIGTERM or SIGINT, or its file's end; False where the file's workflow failed."""
    stop = Stop(lambda: bool(requests.made()))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.ask)
    engine = Engine(given.engine_socket)
    images = DockerImages(engine, given.credentials, given.state / "worker-images")
    worker = functools.partial(Worker, runtime=DockerRuntime(engine, images), images=images, stop=stop)
    if given.file is not None:
        from osie.worker.transport.file import FileTransport  # noqa: PLC0415 - a machine boots without it

        file = FileTransport(given.file, given.agent_id)
        await worker(source=file, sink=file, telemetry=file, held_says="the next attempt isn't due yet").run()
        return not file.failed
    link = Link(given.host, given.port, tls_context(verify=given.verify) if given.tls else None)
    server = Generations(
        link, given.agent_id, lambda: attributes.read(Path("/"), nic_features.enabled), boot_id()
    )
    try:
        await worker(source=server, sink=server, telemetry=GrpcTelemetry(link)).run()
    finally:
        link.close()
    return True


def _require_engine(engine: str) -> None:
    """A machine waits for its engine; whoever runs a file by hand wants to know that there is none."""
    if not Path(engine).exists():
        raise OsieError(
            f"there is no container engine at {engine}",
            hint="start one, or name its socket: DOCKER_HOST=unix:///PATH",
        )


def main(arguments: Sequence[str] = ()) -> int:
    """Entry point."""
    if arguments:
        print(_USAGE)
        return 0 if set(arguments) <= {"-h", "--help"} else 1
    try:
        given = settings.read(os.environ)
        if given.file is not None:
            _require_engine(given.engine_socket)
            tell("worker", id=given.agent_id, file=given.file)
        else:
            tell("worker", id=given.agent_id, server=f"{given.host}:{given.port}", tls=given.tls)
        return 0 if asyncio.run(work(given)) else 2
    except OsieError as error:
        for sentence in [*chain(error), *([error.hint] if error.hint else [])]:
            for line in sentence.splitlines():
                tell("error", reason=line)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
