"""A store on each database, and the engine over it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from osie.tink.service import Tink
from osie.tink.store import Store

HARDWARE = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata: {{name: {name}}}
spec:
  disks: [{{device: /dev/vda}}]
  interfaces:
    - dhcp: {{mac: "{mac}", ip: {{address: {address}, netmask: 255.255.255.0}}}}
      netboot: {{allowPXE: false, allowWorkflow: true}}
"""
TEMPLATE = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Template
metadata: {name: install}
spec:
  data: |
    version: "0.1"
    name: install
    tasks:
      - name: install
        worker: "{{ .device_1 }}"
        actions:
          - name: write
            image: quay.io/actions/image2disk
            timeout: 60
            environment: {DISK: "{{ index .Hardware.Disks 0 }}"}
          - {name: restart, image: quay.io/actions/reboot, reboot: true}
"""
WORKFLOW = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Workflow
metadata: {{name: {name}}}
spec:
  templateRef: install
  hardwareRef: {hardware}
  hardwareMap: {{device_1: "{mac}"}}
  bootOptions: {{toggleAllowNetboot: true}}
"""
MAC, OTHER_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"


def manifests(name: str = "m1", mac: str = MAC, address: str = "10.0.0.1") -> list[tuple[str, str]]:
    """A machine, the template and a workflow `install-NAME`."""
    return [
        ("hardware.yaml", HARDWARE.format(name=name, mac=mac, address=address)),
        ("template.yaml", TEMPLATE),
        ("workflow.yaml", WORKFLOW.format(name=f"install-{name}", hardware=name, mac=mac)),
    ]


def _program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL of the tests' own, on a unix socket in a temporary folder; yields the folder."""
    initdb, server = _program("initdb"), _program("postgres")
    if initdb is None or server is None:
        pytest.fail("PostgreSQL is not installed: `apt-get install postgresql` (make setup-dev does)")
    # It refuses to run as root. Its folder lies directly in /tmp: the way to it must be open to its user.
    root = os.geteuid() == 0
    user = pwd.getpwnam("postgres") if root else pwd.getpwuid(os.geteuid())
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if root else []
    folder = Path(tempfile.mkdtemp(prefix="osie-pg-", dir="/tmp"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    try:
        _run(
            folder, [*become, initdb, "-D", folder / "data", "-A", "trust", "-U", "osie", "-E", "UTF8", "-N"]
        )
        options = ["-c", "fsync=off", "-c", f"unix_socket_directories={folder}", "-c", "listen_addresses="]
        die_with_us = [*(become or ["setpriv"]), "--pdeathsig=INT"]
        with (folder / "log").open("wb") as log:
            argv = [*die_with_us, server, "-D", folder / "data", *options]
            running = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
        try:
            _wait_until_ready(folder)
            yield str(folder)
        finally:
            running.send_signal(signal.SIGQUIT)  # "immediate": what it has is thrown away
            running.wait(30)
    finally:
        shutil.rmtree(folder)


def _run(folder: Path, argv: list[str | Path]) -> None:
    subprocess.run(argv, check=True, capture_output=True, cwd=folder)


def _wait_until_ready(folder: Path) -> None:
    ready = _program("pg_isready")
    assert ready is not None
    deadline = time.monotonic() + 30
    while subprocess.run([ready, "-h", folder], capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            pytest.fail((folder / "log").read_text())
        time.sleep(0.1)  # there is nothing to wait on but the answer itself


_numbers = iter(range(10_000))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'tink.db'}"
    folder = request.getfixturevalue("postgres")
    # A schema for each test: a database of its own would be 300 files.
    name = f"test{next(_numbers)}"
    address = f"postgresql+psycopg://osie@/postgres?host={folder}"
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return f"{address}&options=-csearch_path%3D{name}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An open, empty store."""
    opened = await Store.open(url)
    yield opened
    await opened.close()


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        self.at += 0.001
        return self.at


@pytest.fixture
def clock() -> Clock:
    """The engine's clock."""
    return Clock()


@pytest.fixture
async def tink(store: Store, clock: Clock) -> AsyncIterator[Tink]:
    """The engine, with a machine-readable clock and no ticks of its own."""
    rewrites = {"quay.io/": "registry.local:5000/", "quay.io/actions/": "registry.local:5000/osie/"}
    async with Tink(store, rewrite_images=rewrites, tick_s=3600, now=clock) as made:
        yield made
