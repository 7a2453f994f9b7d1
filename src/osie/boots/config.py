"""What the netboot service is told when it is composed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from osie.contracts import artifacts


@dataclass(frozen=True)
class BootsConfig:
    """Already validated by whoever read it: addresses are IPv4 addresses, ports are ports."""

    interface: str  # DHCP and TFTP answer here, nowhere else
    address: str  # ours on that interface; what machines are told
    artifacts: Path  # the folder with the kernel and the ramdisk
    state_dir: Path  # ours alone: leases, dnsmasq's files, iPXE's binaries
    http_port: int = 7171
    files: Mapping[str, Path] = field(default_factory=dict)  # further folders: NAME -> served at /NAME/...
    dynamic_range: tuple[str, str] | None = None  # first and last address for machines nobody knows
    kernel_parameters: tuple[str, ...] = ("console=tty0", "console=ttyS0,115200")
    grpc_authority: str = ""  # HOST:PORT of tink; empty: our address, port 42113
    registry_authority: str = ""  # HOST:PORT of a registry that speaks plain HTTP
    syslog_port: int | None = 514  # None: no receiver
    tftp: bool = True
    router_advertisement: bool = True  # an empty one, which spares iPXE a wait of 16 s for IPv6
    lease_s: int = 7200
    ipxe_folder: Path | None = None  # of iPXE's binaries; None: `ipxe` in `artifacts`, as a build has it

    @property
    def ipxe_source(self) -> Path:
        """Where iPXE's binaries are taken from."""
        return self.ipxe_folder or self.artifacts / artifacts.IPXE

    @property
    def base_url(self) -> str:
        """Where machines reach us over HTTP, without a slash at the end."""
        return f"http://{self.address}:{self.http_port}"

    @property
    def dnsmasq_dir(self) -> Path:
        """dnsmasq's configuration and leases."""
        return self.state_dir / "dnsmasq"

    @property
    def ipxe_dir(self) -> Path:
        """iPXE's binaries: the root of TFTP, and /ipxe/ over HTTP."""
        return self.state_dir / "ipxe"
