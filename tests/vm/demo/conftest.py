"""What the demo's tests share: everything built once, and a rack of two machines that wait for work."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from rack import Rack, boot
from rich.console import Console

import osie
from osie.cli.demo.performance import Built, build
from osie.cli.demo.stage import Stage
from osie.cli.progress import TerminalProgress
from osie.cli.workshop import Workshop, cache_root
from osie.core.cache import Cache, Silent
from osie.oci import images

SABOTAGE = '''
"""A test's action: prints VALUE, makes the file TOUCH, and kills the container KILL by Docker's API."""
import http.client, os, pathlib, socket, time

print("value:", os.environ["VALUE"], flush=True)
if path := os.environ.get("TOUCH"):
    pathlib.Path(path).touch()
if victim := os.environ.get("KILL"):
    connection = http.client.HTTPConnection("docker")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect("/var/run/docker.sock")
    connection.request("POST", f"/containers/{victim}/kill")
    print("killed:", connection.getresponse().status, flush=True)
    time.sleep(3)  # the worker is to come back while this action still runs
    print("done", flush=True)
'''


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The ramdisk, the images and the lab's OS, as `osie demo` builds them."""
    with TerminalProgress(Console()) as progress:
        return build(Workshop.at(cache_root(), progress), "default", tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="session")
def layout(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images and one more: a new action is a new folder."""
    assert built.layout.is_dir()
    folder = tmp_path_factory.mktemp("layout")
    source = folder / "source/osie"
    shutil.copytree(Path(osie.__file__).parent, source, ignore=shutil.ignore_patterns("__pycache__"))
    action = source / "actions/sabotage"
    action.mkdir()
    (action / "__init__.py").touch()
    (action / "__main__.py").write_text(SABOTAGE)
    cache = Cache(cache_root() / "build", Silent())
    images.build_all(layout=folder / "images", cache=cache, progress=Silent(), source=source)
    return folder / "images"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rack(built: Built, layout: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rack]:
    """Two machines in Osie with nothing to do."""
    workdir = tmp_path_factory.mktemp("rack")
    served = workdir / "images"
    served.mkdir()
    shutil.copyfile(built.os.path, served / "os.raw.zst")
    async with AsyncExitStack() as stack:
        stage = Stage(workdir, artifacts=built.artifacts, layout=layout, images=served)
        await stack.enter_async_context(stage)
        rack = Rack(stage, served)
        for memory_mib in (1024, 1024):
            await stack.enter_async_context(await rack.add(memory_mib))
        await asyncio.gather(boot(rack, 0), boot(rack, 1))
        yield rack
