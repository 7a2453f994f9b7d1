"""Real container engines of a test's own: Docker's from this host, Podman's from the slim ramdisk's root.

Everything that one makes is in its own PID and mount namespaces and on a tmpfs there, and goes with it. It
shares the host's network, but changes nothing there: no bridge, no rules, no forwarding.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import unexpected_ends

from osie.cli.workshop import PROFILES, build_cache
from osie.contracts.kernel_parameters import KernelParameters
from osie.image.profile import profile
from osie.image.steps import Steps
from osie.ramdisk import podman

_DOCKER = """
mount -t tmpfs tmpfs /run
[ ! -d /etc/docker ] || mount -t tmpfs tmpfs /etc/docker
mount -t tmpfs tmpfs "$1/data"
exec dockerd --host "unix://$1/engine.sock" --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" \
  --bridge=none --iptables=false --ip6tables=false --ip-forward=false --userland-proxy=false \
  --exec-opt native.cgroupdriver=cgroupfs --storage-driver overlay2 \
  --add-runtime "bounded=$1/bounded-runc" --default-runtime bounded
"""

# A host may lack CAP_SYS_RESOURCE itself (a virtual machine of a CI service); an older engine then fails to
# give it to a privileged container. On any other host this changes nothing.
_BOUNDED_RUNC = """#!/usr/bin/python3
import json, os, sys
argv = sys.argv[1:]
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
if "--bundle" in argv and not int(status["CapBnd"], 16) >> 24 & 1:
    path = argv[argv.index("--bundle") + 1] + "/config.json"
    spec = json.load(open(path))
    for name, given in (spec.get("process", {}).get("capabilities") or {}).items():
        spec["process"]["capabilities"][name] = [c for c in given if c != "CAP_SYS_RESOURCE"]
    json.dump(spec, open(path, "w"))
os.execvp("runc", ["runc", *argv])
"""

# The ramdisk's root under a tmpfs, with the files that the ramdisk writes for Podman ($1/etc) and the host's
# /tmp. crun refuses a host that has both versions of cgroups: then it is shown the first alone.
# The shell stays, as the namespace's first process: the service may be killed, and started again.
_PODMAN = """
mount -t tmpfs tmpfs "$1/data"
mkdir "$1/data/upper" "$1/data/work" "$1/data/root"
root="$1/data/root"
mount -t overlay -o "lowerdir=$2,upperdir=$1/data/upper,workdir=$1/data/work" overlay "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
if [ -d /sys/fs/cgroup/unified ]; then
  mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
  for each in /sys/fs/cgroup/*; do
    [ "$(stat -f -c %T "$each")" = cgroupfs ] || continue
    mkdir "$root$each"
    mount --bind "$each" "$root$each"
  done
fi
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/var/lib/docker" "$root/worker" "$root/osie-worker/podman"
mount -t tmpfs tmpfs "$root/var/lib/docker"
mount --rbind /tmp "$root/tmp"
cp -r "$1/etc" "$root"
export PODMAN_IGNORE_CGROUPSV1_WARNING=1
trap "exit 0" TERM
while :; do
  rm -f "$1/engine.sock"
  chroot "$root" podman system service --time=0 "unix://$1/engine.sock" &
  wait $! || :
done
"""


@dataclass(frozen=True)
class RunningEngine:
    """An engine that answers."""

    socket: str
    process: int  # the first process of its namespaces, as this host numbers it
    storage: Path  # where its images and containers are, as this host sees it: a tmpfs

    @property
    def used_bytes(self) -> int:
        """How much RAM its storage takes."""
        told = os.statvfs(self.storage)
        return (told.f_blocks - told.f_bfree) * told.f_frsize


@contextmanager
def docker(folder: Path) -> Iterator[RunningEngine]:
    """Docker Engine, as this host has it."""
    (folder / "bounded-runc").write_text(_BOUNDED_RUNC)
    (folder / "bounded-runc").chmod(0o755)
    with _running(folder, _DOCKER) as process:
        storage = Path(f"/proc/{process}/root") / str(folder / "data").lstrip("/")
        yield RunningEngine(str(folder / "engine.sock"), process, storage)


@contextmanager
def podman_service(folder: Path) -> Iterator[RunningEngine]:
    """Podman, as a machine with the profile slim has it; `folder` is below /tmp."""
    root = Steps(profile.load("slim", PROFILES), build_cache(), worker_image=Path()).root / "tree"
    for file, text in podman.program(KernelParameters(insecure_registries=("127.0.0.1",))).files.items():
        target = folder / str(file).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    with _running(folder, _PODMAN, str(root)) as process:
        inside = Path(f"/proc/{process}/root") / str(folder / "data/root").lstrip("/")
        yield RunningEngine(str(folder / "engine.sock"), process, inside / "var/lib/docker")


ENGINES: Mapping[str, Callable[[Path], contextlib.AbstractContextManager[RunningEngine]]] = {
    "docker": docker,
    "podman": podman_service,
}


BOTH = pytest.mark.parametrize("running_engine", list(ENGINES), indirect=True)


@contextmanager
def _running(folder: Path, script: str, *arguments: str) -> Iterator[int]:
    """Run the script in namespaces of its own until the end of the block; yields its process's ID."""
    (folder / "data").mkdir()
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    argv = ["setpriv", "--pdeathsig", "KILL", *namespaces, "sh", "-ec", script, "sh", str(folder), *arguments]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        assert curl(folder / "engine.sock", "/_ping").returncode == 0, (folder / "log").read_text()
        yield children(process.pid)[0]
        unexpected_ends.still_runs(process, folder / "log")
    finally:
        with contextlib.suppress(OSError, IndexError):  # its own end also removes the containers' cgroups
            os.kill(children(process.pid)[0], signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def children(process: int, name: str = "") -> list[int]:
    """The processes that this one started, or those of them with the name."""
    all_of_them = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in all_of_them if name in Path(f"/proc/{child}/comm").read_text()]


def curl(socket: Path, target: str, *options: str) -> "subprocess.CompletedProcess[bytes]":
    """Call an engine, which may still be starting."""
    call = ["curl", "-sSf", "--unix-socket", str(socket), "--retry-all-errors", "--retry", "60"]
    call += ["--retry-delay", "1", "--retry-max-time", "30", *options, f"http://engine{target}"]
    return subprocess.run(call, capture_output=True, check=False)


def load(engine: RunningEngine, image: str, tree: Path) -> None:
    """Make an image of a tar of its root tree."""
    repository, _, tag = image.partition(":")
    kind = ["-H", "Content-Type: application/x-tar", "--data-binary", f"@{tree}"]
    target = f"/images/create?fromSrc=-&repo={repository}&tag={tag}"
    told = curl(Path(engine.socket), target, "-X", "POST", *kind)
    assert told.returncode == 0, told.stderr
