"""The file that `osie serve --config` reads: TOML, validated once, every error told with its path."""

import ipaddress
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from osie.contracts.image_reference import Reference
from osie.core.errors import OsieError
from osie.image.profile.findings import sentence


def _ipv4(text: str) -> str:
    return str(ipaddress.IPv4Address(text))


def _endpoint(text: str) -> str:
    scheme, _, rest = text.rpartition(":")
    if not rest.isdecimal() or not scheme or int(rest) > 65535:
        raise ValueError("expected HOST:PORT, or fd:N for an inherited socket")
    return text


def _is_name(text: str) -> bool:
    try:
        Reference.parse(text)
    except ValueError:
        return False
    return True


def _beginning(text: str) -> str:
    # What follows it is the rest of a word, of a path, or a tag.
    if text and not any(_is_name(text + rest) for rest in ("x", "/x", "")):
        raise ValueError(f"{text!r}: no image's name begins so: HOST[:PORT]/PATH in lower case, no https://")
    return text


Ipv4 = Annotated[str, AfterValidator(_ipv4)]
Port = Annotated[int, Field(gt=0, lt=65536)]
Silence = Annotated[float, Field(ge=20, le=86400)]  # seconds; a worker is heard every 10


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(_Section):
    """The machines' network."""

    interface: str  # where DHCP answers
    address: Ipv4  # ours on it: what the machines are told
    dynamic_range: tuple[Ipv4, Ipv4] | None = None  # for machines we don't know


class Boots(_Section):
    """The netboot service."""

    artifacts: Path  # the folder of `osie build --output`
    ipxe_folder: Path | None = None  # of iPXE's binaries; None: `ipxe` in `artifacts`
    port: Port = 7171
    syslog_port: Port = 514
    folders: Mapping[str, Path] = Field(default_factory=dict)  # further folders: /NAME/... over HTTP
    kernel_parameters: tuple[str, ...] = ("console=tty0", "console=ttyS0,115200")


class Registry(_Section):
    """The registry: read-only, over an OCI image layout."""

    layout: Path
    port: Port = 5000


class Tink(_Section):
    """The workflow engine."""

    database: str = ""  # an SQLAlchemy URL; "": SQLite in state_dir
    grpc_port: Port = 42113
    older_grpc_port: Annotated[int, Field(ge=0, lt=65536)] = 42114  # of workers up to v0.12; 0: none
    # prefix -> what stands in its place
    rewrite_images: Mapping[str, Annotated[str, AfterValidator(_beginning)]] = Field(default_factory=dict)
    require_verified: bool = False  # every action gets REQUIRE_VERIFIED=true, whatever its template says
    hold_s: Annotated[float, Field(ge=0, le=60)] = 30.0  # a question for which there is no action; 0: none
    silent_after_s: Silence = 60.0  # without a word from the agent whose turn it is
    on_silence: Literal["wait", "fail"] = "wait"
    silent_fail_after_s: Silence = 600.0  # where on_silence is "fail"
    reboot_s: Annotated[float, Field(ge=0, le=86400)] = 600.0  # both are longer by that in a reboot
    netboot_limit: Annotated[int, Field(ge=0, le=1000)] = 5  # without an action's success; 0: none

    @model_validator(mode="after")
    def _patient(self) -> "Tink":
        if self.silent_fail_after_s < self.silent_after_s:
            raise ValueError("silent_fail_after_s: expected no less than silent_after_s")
        return self


class Operator(_Section):
    """The operator's API: apart from the machines' network."""

    listen: Annotated[str, AfterValidator(_endpoint)] = "127.0.0.1:7080"
    names: Sequence[str] = ()  # by which it may be asked for, besides addresses and this host's own names


class ServeConfig(_Section):
    """All of it."""

    state_dir: Path = Path("/var/lib/osie")
    network: Network
    boots: Boots
    registry: Registry
    tink: Tink = Tink()
    operator: Operator = Operator()

    @property
    def database_url(self) -> str:
        """Where the store is."""
        return self.tink.database or f"sqlite+aiosqlite:///{self.state_dir / 'tink.db'}"


def load(path: Path) -> ServeConfig:
    """Read and check the file. Raises OsieError with every error and its path in the file."""
    try:
        values = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise OsieError(f"{path}: {error.strerror}", hint="docs/reference/serve.md has an example") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OsieError(f"{path}: not TOML: {error}") from None
    try:
        return ServeConfig.model_validate(values)
    except ValidationError as error:
        told = "".join(f"\n  {_place(found)}: {sentence(found, _KEYS)}" for found in error.errors())
        raise OsieError(f"{path} can't be used:{told}", hint="docs/reference/serve.md") from None


_SECTIONS = (ServeConfig, Network, Boots, Registry, Tink, Operator)
_KEYS = [key for section in _SECTIONS for key in section.model_fields]


def _place(found: Mapping[str, Any]) -> str:
    return ".".join(str(part) for part in found["loc"])
