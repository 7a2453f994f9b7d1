"""A store on each database, and the engine over it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from own_postgres import own_postgres

from osie.tink.service.service import Tink
from osie.tink.store.database import Store

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


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL of the tests' own, on a unix socket in a temporary folder; yields the folder."""
    with own_postgres() as server:
        yield str(server.folder)


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
