"""Docker Engine's two programs fit together."""

import tomllib

from osie.contracts.kernel_parameters import parse
from osie.ramdisk import dockerd


def test_dockerd_finds_the_containerd_that_is_started_beside_it() -> None:
    """Both are told the same socket, and containerd reads the configuration that is written."""
    program = dockerd.program(parse("osie.engine_args=--debug"))
    ((name, _, config),) = program.beside
    told = tomllib.loads(next(text for path, text in program.files.items() if str(path) == config))
    assert name == "containerd"
    assert f"--containerd={told['grpc']['address']}" in program.argv
    assert program.argv[-1] == "--debug"


def test_what_docker_needs_of_containerd_stays() -> None:
    """Left out are plugins that Docker doesn't use; its tasks, leases and content are not among them."""
    disabled = tomllib.loads(dockerd.containerd_toml())["disabled_plugins"]
    assert "io.containerd.grpc.v1.cri" in disabled
    assert not any(word in name for name in disabled for word in ("task", "lease", "content", "runtime"))
