"""The worker's environment, validated once; docs/reference/worker.md tells each variable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from osie.contracts.flag import flag
from osie.contracts.image_name import Credentials
from osie.core.errors import OsieError

_PORT = 42113


@dataclass(frozen=True)
class Settings:
    """What a worker is told when it starts."""

    agent_id: str
    host: str  # of the tink server; empty with `file`
    port: int
    tls: bool
    verify: bool  # the server's certificate
    credentials: Credentials = field(repr=False)
    engine_socket: str
    file: Path | None  # a rendered template, in place of a server
    state: Path  # a folder that lives as long as the engine; it need not be there


def _authority(given: str) -> tuple[str, int]:
    """HOST, HOST:PORT or [IPv6]:PORT."""
    host, colon, port = given.rpartition(":")
    if not colon or given.endswith("]"):
        return given.strip("[]"), _PORT
    if not port.isdecimal() or not 0 < int(port) < 65536 or not host:
        raise ValueError(f"{given!r} isn't HOST:PORT")
    return host.strip("[]"), int(port)


def _flag(given: str) -> bool:
    meant = flag(given) if given else False
    if meant is None:
        raise ValueError(f"{given!r} is neither true nor false")
    return meant


def read(environment: Mapping[str, str]) -> Settings:
    """Read the environment. The error tells everything that is wrong with it."""
    wrong: list[str] = []
    agent_id = environment.get("WORKER_ID") or environment.get("ID", "")
    if not agent_id:
        wrong.append("WORKER_ID and ID are empty: no server would know this machine")
    file = Path(environment["OSIE_ACTIONS_FILE"]) if environment.get("OSIE_ACTIONS_FILE") else None
    host, port = "", _PORT
    authority = environment.get("TINKERBELL_GRPC_AUTHORITY", "")
    if authority:
        try:
            host, port = _authority(authority)
        except ValueError as error:
            wrong.append(f"TINKERBELL_GRPC_AUTHORITY: {error}")
    elif file is None:
        wrong.append("TINKERBELL_GRPC_AUTHORITY is empty: there is no server to ask for actions")
    flags = {}
    for name in ("TINKERBELL_TLS", "TINKERBELL_INSECURE_TLS"):
        try:
            flags[name] = _flag(environment.get(name, ""))
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise OsieError(
            "\n".join(wrong), hint="these come from the kernel's command line: worker_id=, grpc_authority="
        )
    return Settings(
        agent_id=agent_id,
        host=host,
        port=port,
        tls=flags["TINKERBELL_TLS"],
        verify=not flags["TINKERBELL_INSECURE_TLS"],
        credentials=Credentials(
            environment.get("DOCKER_REGISTRY", ""),
            environment.get("REGISTRY_USERNAME", ""),
            environment.get("REGISTRY_PASSWORD", ""),
        ),
        engine_socket=environment.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock",
        file=file,
        state=Path(environment.get("OSIE_WORKER_STATE") or "/run/osie"),
    )
