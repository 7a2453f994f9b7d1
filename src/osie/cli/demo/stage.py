"""The stage of the demo and of the VM tests: a network, the real server in it, the operator's client.

`osie serve` runs in the lab's namespace as a process of its own. Its operator API listens on the host's
loopback, on a socket that belongs to us: it outlives the server, which may be killed and started again.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from osie.cli.client import ApiError, Client
from osie.core.errors import OsieError
from osie.core.files import write_atomically
from osie.lab import network
from osie.lab.network import BRIDGE, Network

_READY_S = 120.0  # 3 on an idle machine


class Stage:
    """`async with Stage(...) as stage`: the server answers; afterwards nothing of it is left."""

    def __init__(
        self,
        workdir: Path,
        *,
        artifacts: Path,
        layout: Path,
        images: Path,
        tink: Mapping[str, object] | None = None,
    ) -> None:
        """`tink` is further settings of that section of the server's config."""
        self.workdir = workdir
        self._tink = tink or {}
        self.network = Network()
        self._artifacts, self._layout, self._images = artifacts, layout, images
        self._server: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> "Stage":
        self.workdir.mkdir(parents=True, exist_ok=True)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.operator_url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._log: IO[bytes] = (self.workdir / "server.log").open("ab")
        self.network.__enter__()
        self.client = Client(self.operator_url)
        try:
            await self.start_server()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.client.__aexit__()
            if self._server is not None:
                network.stop(self._server)
        finally:
            self.network.__exit__(kind, error, trace)
            self._listening.close()
            self._log.close()

    @property
    def address(self) -> str:
        """The server's address on the machines' network."""
        return self.network.address

    @property
    def interface(self) -> str:
        """The interface on which the server answers DHCP."""
        return BRIDGE

    @property
    def boots_url(self) -> str:
        """boots over HTTP, for the machines."""
        return f"http://{self.address}:7171"

    def settings(self) -> str:
        """The server's config file."""
        prefix = self.address.rpartition(".")[0]
        values: dict[str, dict[str, object]] = {
            "network": {
                "interface": self.interface,
                "address": self.address,
                "dynamic_range": [f"{prefix}.200", f"{prefix}.250"],
            },
            "boots": {"artifacts": str(self._artifacts), "folders": {"images": str(self._images)}},
            "registry": {"layout": str(self._layout)},
            "tink": {"rewrite_images": {"quay.io/tinkerbell/": f"{self.address}:5000/"}, **self._tink},
            "operator": {"listen": f"fd:{self._listening.fileno()}"},
        }
        lines = [f"state_dir = {json.dumps(str(self.workdir / 'state'))}"]
        for section, entries in values.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {_toml(value)}" for key, value in entries.items()]
        return "\n".join(lines) + "\n"

    async def start_server(self) -> None:
        """Start `osie serve` and wait until it answers. Raises OsieError with its last words."""
        path = self.workdir / "serve.toml"
        write_atomically(path, self.settings())
        self._server = self.network.popen(
            [sys.executable, "-m", "osie.cli", "serve", "--config", path],
            pass_fds=[self._listening.fileno()],
            stdout=self._log,
        )
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            if self._server.poll() is not None:
                raise OsieError(f"the server did not start: {self._last_words()}")
            try:
                async with asyncio.timeout(1):
                    await self.client.request("GET", "/healthz")
                return
            except (ApiError, TimeoutError):
                await asyncio.sleep(0.1)
        raise OsieError(f"the server did not answer within {_READY_S:.0f} s: {self._last_words()}")

    def kill_server(self) -> None:
        """SIGKILL, as a crash would."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    def _last_words(self) -> str:
        lines = (self.workdir / "server.log").read_text(errors="replace").strip().splitlines()
        return "\n  ".join(lines[-8:]) or "it said nothing"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)
