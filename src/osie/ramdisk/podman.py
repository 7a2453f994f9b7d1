"""Podman as a program: its service answers Docker's API on Docker's socket.

There is no daemon behind the containers: each has its conmon, and outlives the service.
Formats: containers.conf(5), and containers- storage.conf(5), registries.conf(5), policy.json(5).
"""

from pathlib import Path

from osie.contracts.kernel_parameters import KernelParameters
from osie.ramdisk import registries
from osie.ramdisk.program import SOCKET, STORAGE, Program

_ETC = Path("/etc/containers")
# The worker's image, as the build stored it: looked into where it lies in the squashed root, never copied.
_STORE = Path("/usr/lib/osie/podman")

_CONTAINERS = """\
[containers]
log_driver = "k8s-file"
log_size_max = 8388608
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
helper_binaries_dir = ["/usr/lib/podman"]
runtime = "crun"
[network]
# as Docker's here: 198.18.0.0/15 is for benchmarks (RFC 2544)
default_subnet = "198.18.0.0/24"
"""
_POLICY = """{"default": [{"type": "insecureAcceptAnything"}]}"""


def storage_conf() -> str:
    """Native overlay on the engine's tmpfs, and the embedded image's store beside it.

    What Podman knows of its containers is below /run: from a storage that is full it could remove none, had
    it to write there (SQLite: "database or disk is full"). All that we have goes with a reboot anyway.
    """
    return f"""\
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "{STORAGE}"
transient_store = true
[storage.options]
additionalimagestores = ["{_STORE}"]
"""


def registries_conf(parameters: KernelParameters) -> str:
    """A name without a registry is Docker Hub's, as with Docker; these registries have no TLS."""
    lines = ['unqualified-search-registries = ["docker.io"]', 'short-name-mode = "disabled"']
    for registry in registries.without_tls(parameters.insecure_registries).taken:
        lines += ["[[registry]]", f'location = "{registry}"', "insecure = true"]
    return "".join(f"{line}\n" for line in lines)


def program(parameters: KernelParameters) -> Program:
    """Podman's service for this machine."""
    return Program(
        argv=("podman", *parameters.engine_args, "system", "service", "--time=0", f"unix://{SOCKET}"),
        files={
            _ETC / "containers.conf": _CONTAINERS,
            _ETC / "policy.json": _POLICY,
            _ETC / "registries.conf": registries_conf(parameters),
            _ETC / "storage.conf": storage_conf(),
        },
        stale=(SOCKET,),
    )
