"""Docker Engine as a program: its configuration and how it is started."""

import json
from pathlib import Path
from typing import Any

from osie.contracts.kernel_parameters import KernelParameters
from osie.ramdisk import registries
from osie.ramdisk.program import STORAGE, Program

CONFIG = Path("/etc/docker/daemon.json")
_CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
_CONTAINERD_CONFIG = Path("/etc/containerd/config.toml")
_UNUSED_PLUGINS = (  # Docker keeps its images itself; some of these look for kernel modules or programs
    *(f"io.containerd.snapshotter.v1.{name}" for name in ("aufs", "blockfile", "btrfs", "devmapper", "zfs")),
    "io.containerd.grpc.v1.cri",
    "io.containerd.internal.v1.restart",
    "io.containerd.internal.v1.tracing",
    "io.containerd.nri.v1.nri",
    "io.containerd.tracing.processor.v1.otlp",
)
# What the build made of the worker's image: Docker's own files, and links to the layers in the squashed root.
# Docker has no read-only store to look into, so this is copied: some twenty small files.
_SEED = Path("/usr/lib/osie/docker")


def daemon_json(parameters: KernelParameters) -> dict[str, Any]:
    """The engine's configuration (dockerd(8), daemon configuration file)."""
    config: dict[str, Any] = {
        "data-root": str(STORAGE),
        "storage-driver": "overlay2",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "log-level": "warn",
        "log-driver": "json-file",  # in memory, hence bounded
        "log-opts": {"max-size": "4m", "max-file": "2"},
        "live-restore": True,  # an engine that dies leaves the worker and the action running
        "userland-proxy": False,
        # 198.18.0.0/15 is for benchmarks (RFC 2544): the default, 172.17.0.0/16, is in use in data centres
        "bip": "198.18.0.1/24",
        # its dozens of rules take longer than the rest of its start; see nat
        "iptables": False,
        "ip6tables": False,
        "default-address-pools": [{"base": "198.19.0.0/16", "size": 24}],
        "shutdown-timeout": 5,
    }
    if insecure := registries.without_tls(parameters.insecure_registries).taken:
        config["insecure-registries"] = list(insecure)
    return config


def containerd_toml() -> str:
    """containerd's configuration (containerd-config.toml(5))."""
    return f"""\
version = 2
root = "{STORAGE}/containerd"
state = "/run/containerd"
disabled_plugins = {json.dumps(_UNUSED_PLUGINS)}
[grpc]
address = "{_CONTAINERD_SOCKET}"
[debug]
level = "warn"
"""


def program(parameters: KernelParameters) -> Program:
    """Docker Engine for this machine."""
    return Program(
        argv=("dockerd", f"--containerd={_CONTAINERD_SOCKET}", *parameters.engine_args),
        # dockerd would start it late, wait for it, and look only once a second whether it is up
        beside=(("containerd", "--config", str(_CONTAINERD_CONFIG)),),
        files={CONFIG: json.dumps(daemon_json(parameters), indent=1), _CONTAINERD_CONFIG: containerd_toml()},
        seed=_SEED,
        stale=(Path("/run/docker.pid"),),
    )
