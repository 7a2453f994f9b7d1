"""image2disk against `curl | zstd -dc | dd`: the same image, the same guest, turn and turn about."""

import re
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rack import Rack, boot
from rich.console import Console

import osie
from osie.cli.client import Json
from osie.cli.demo.performance import build
from osie.cli.demo.stage import Stage
from osie.cli.progress import TerminalProgress
from osie.cli.workshop import Workshop, cache_root
from osie.core.cache import Cache, Silent
from osie.core.debian import PackageSet, unpack
from osie.core.errors import OsieError
from osie.oci import images
from osie.oci.interpreter import Interpreter

_TOOLS = {"curl": "usr/bin/curl", "zstd": "usr/bin/zstd", "dd": "usr/bin/dd"}
_PACKAGES = PackageSet(("curl", "zstd", "coreutils"))
# Debian 13's own programs and libraries, in an image whose loader is Debian 13's too.
_PIPE = '''
"""The expert's pipe, timed. The tools are Debian's, run by the image's loader with their own libraries."""
import os, subprocess, time

tools = os.path.join(os.path.dirname(__file__), "tools")
loader = ["/lib64/ld-linux-x86-64.so.2", "--library-path", tools]
begun = time.monotonic()
curl = subprocess.Popen([*loader, f"{tools}/curl", "-sSf", os.environ["IMG_URL"]], stdout=subprocess.PIPE)
zstd = subprocess.Popen([*loader, f"{tools}/zstd", "-dc"], stdin=curl.stdout, stdout=subprocess.PIPE)
dd = [*loader, f"{tools}/dd", f"of={os.environ['DEST_DISK']}", "bs=4M", "iflag=fullblock", "conv=fsync"]
subprocess.run(dd, stdin=zstd.stdout, check=True)
if curl.wait() or zstd.wait():
    raise SystemExit("the pipe broke")
print(f"pipe took {time.monotonic() - begun:.2f} s", flush=True)
'''
_OURS = re.compile(r"wrote \d+ bytes .* in ([0-9.]+) s")
_THEIRS = re.compile(r"pipe took ([0-9.]+) s")


def _layout(folder: Path) -> Path:
    """The images, and one with the pipe as an action."""
    source = folder / "source/osie"
    shutil.copytree(Path(osie.__file__).parent, source, ignore=shutil.ignore_patterns("__pycache__"))
    action = source / "actions/pipe"
    tools = action / "tools"
    tools.mkdir(parents=True)
    (action / "__init__.py").touch()
    (action / "__main__.py").write_text(_PIPE)
    with tempfile.TemporaryDirectory(prefix="osie-bench-tools-") as name:
        root = Path(name) / "root"
        unpack(_PACKAGES, root)
        interpreter = Interpreter(root)
        for tool, path in _TOOLS.items():
            shutil.copyfile(root / path, tools / tool)
            for library in interpreter.libraries_of(root / path):
                shutil.copyfile(library, tools / library.name)
    cache = Cache(cache_root() / "build", Silent())
    images.build_all(layout=folder / "images", cache=cache, progress=Silent(), source=source)
    return folder / "images"


def _action(stage: Stage, name: str, image: str, checksum: str) -> Json:
    return {
        "name": name,
        "image": f"quay.io/tinkerbell/actions/{image}:latest",
        "timeout": 900,
        "environment": {
            "IMG_URL": f"{stage.boots_url}/images/os.raw.zst",
            "DEST_DISK": "/dev/vda",
            **({"CHECKSUM": checksum} if image == "image2disk" else {}),
        },
    }


def _seconds(lines: list[str], pattern: re.Pattern[str], runs: int) -> list[float]:
    found = [float(match[1]) for line in lines if (match := pattern.search(line))]
    if len(found) != runs:
        raise OsieError(f"expected {runs} timings of {pattern.pattern}, found {found} in {lines[-20:]}")
    return found


async def measure(workdir: Path, runs: int) -> dict[str, Any]:
    """Write the lab's OS image `runs` times each way, alternating; seconds, and the ratio of the medians."""
    served = workdir / "images"
    served.mkdir(parents=True)
    with TerminalProgress(Console()) as progress:
        built = build(Workshop.at(cache_root(), progress), "default", workdir / "artifacts")
    shutil.copyfile(built.os.path, served / "os.raw.zst")
    layout = _layout(workdir / "layout")
    async with Stage(workdir, artifacts=built.artifacts, layout=layout, images=served) as stage:
        rack = Rack(stage, served)
        async with await rack.add(1024):
            await boot(rack, 0)
            checksum = f"sha256:{built.os.sha256}"
            actions = [
                _action(stage, f"{image}-{n}", image, checksum)
                for n in range(runs)
                for image in ("image2disk", "pipe")
            ]
            name = await rack.start("rate", 0, actions)
            status = (await rack.ended(name, 900))["status"]
            if status["state"] != "SUCCESS":
                raise OsieError(f"the writing failed: {status['message']}")
            lines = await rack.log(name)
    ours, theirs = _seconds(lines, _OURS, runs), _seconds(lines, _THEIRS, runs)
    return {
        "raw_bytes": built.os.raw_size_bytes,
        "compressed_bytes": built.os.path.stat().st_size,
        "image2disk_s": ours,
        "pipe_s": theirs,
        "ratio": round(statistics.median(theirs) / statistics.median(ours), 2),
    }
