"""The machines' HTTP server: scripts, artifacts, further folders, phone-home."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from osie.boots import ipxe_script, ramdisk_parameters
from osie.boots.config import BootsConfig
from osie.boots.leases import Leases
from osie.boots.machines import Machines
from osie.boots.served_file import ServedFile
from osie.contracts import artifacts
from osie.contracts import mac as macs
from osie.contracts.machine import Machine, Netboot
from osie.core.errors import OsieError
from osie.core.storable import unstorable

_LONGEST_POST = 64 * 1024
_OURS = frozenset({"artifacts", "auto.ipxe", "healthz", "ipxe", "phone-home"})  # first words of paths
_FACTS = ("uuid", "serial", "platform", "arch")
_LONGEST_FACT = 128  # characters of what a machine says of itself


class Handlers:
    """What the routes do, for one service."""

    def __init__(
        self, config: BootsConfig, machines: Machines, leases: Leases, ailing: Callable[[], str]
    ) -> None:
        self._config = config
        self._machines = machines
        self._leases = leases
        self._ailing = ailing
        self._context = ipxe_script.ServiceContext(
            base_url=config.base_url,
            kernel_parameters=config.kernel_parameters,
            grpc_authority=config.grpc_authority or f"{config.address}:42113",
            syslog_host=config.address,
            syslog_port=config.syslog_port,
            registry_authority=config.registry_authority,
        )

    async def script(self, request: web.Request) -> web.Response:
        """GET /auto.ipxe: what this machine is to do. Without a MAC, iPXE is told to say it."""
        if "mac" not in request.query:
            return _ipxe(ipxe_script.who_are_you(self._context))
        facts = {name: request.query[name][:_LONGEST_FACT] for name in _FACTS if request.query.get(name)}
        asked = _count(request.query.get("asked", ""))
        netboot = Netboot(_mac(request), request.remote or "", facts, asked)
        script = await self._machines.netbooted(netboot, lambda machine: self._script_for(netboot, machine))
        return _ipxe(script.text)

    def _script_for(self, netboot: Netboot, machine: Machine | None) -> ipxe_script.Script:
        context = self._context
        if machine is None:
            return ipxe_script.unknown(netboot.mac, context, netboot.asked)
        try:
            if machine.allow_pxe:
                context = replace(context, ramdisk_parameters=ramdisk_parameters.of(self._config.artifacts))
        except ipxe_script.ScriptError as refused:
            return ipxe_script.error(machine.mac, str(refused), context, netboot.asked)
        return ipxe_script.for_machine(machine, context, netboot.asked)

    async def artifact(self, request: web.Request) -> web.StreamResponse:
        """GET /artifacts/NAME: the kernel and the ramdisk, by plain names."""
        name = request.match_info["name"]
        mac = _mac(request) if "mac" in request.query else None
        machine = await self._machines.find(mac) if mac else None
        event = _artifact_event(name, machine)
        return await self._send(request, self._config.artifacts, name, machine if event else None, event)

    async def loader(self, request: web.Request) -> web.StreamResponse:
        """GET /ipxe/NAME: iPXE's binaries, for UEFI HTTP boot."""
        return await self._send(request, self._config.ipxe_dir, request.match_info["name"], None, "")

    async def file(self, request: web.Request) -> web.StreamResponse:
        """GET /PREFIX/PATH: a file of one of the operator's folders."""
        folder = self._config.files.get(request.match_info["prefix"])
        if folder is None:
            raise web.HTTPNotFound(text=f"nothing is served at {request.path}\n")
        machine = await self._by_source(request)
        return await self._send(request, folder, request.match_info["path"], machine, "image_sent")

    async def phone_home(self, request: web.Request) -> web.Response:
        """POST /phone-home: an installed OS tells that it runs, with a JSON object of its own choice."""
        leased = self._leases.mac_of(request.remote or "")
        mac = _mac(request) if "mac" in request.query else leased
        if mac is None or await self._machines.find(mac) is None:
            raise web.HTTPNotFound(text=f"no known machine has the address {mac or request.remote}\n")
        try:
            posted = json.loads(await request.read())
        except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
            raise web.HTTPBadRequest(text="the body is not JSON\n") from None
        if not isinstance(posted, dict):
            raise web.HTTPBadRequest(text="the body is not a JSON object\n")
        for path, reason in unstorable(posted):
            place = "".join(f".{part}" for part in path)
            raise web.HTTPBadRequest(text=f"the body{place}: {reason}\n")
        await self._machines.phoned_home(mac, posted, itself=mac == leased)
        return web.json_response({"machine": mac})

    async def health(self, _request: web.Request) -> web.Response:
        """GET /healthz: 200, or 503 and what ails us."""
        ailing = self._ailing()
        return web.json_response({"status": ailing or "ok"}, status=503 if ailing else 200)

    async def _by_source(self, request: web.Request) -> Machine | None:
        mac = self._leases.mac_of(request.remote or "")
        return await self._machines.find(mac) if mac else None

    async def _send(
        self, request: web.Request, folder: Path, name: str, machine: Machine | None, event: str
    ) -> web.StreamResponse:
        """Send folder/name; where the machine was sent all of it, record `event`."""
        words = name.split("/")
        if any(word in {"", ".", ".."} or word.startswith(".") for word in words):
            raise web.HTTPNotFound(text=f"no file {request.path}\n")
        response = ServedFile(folder.joinpath(*words))
        began = time.monotonic()
        if await response.send(request) and machine is not None:
            seconds = round(time.monotonic() - began, 3)
            fields = {"name": name, "bytes": response.size, "seconds": seconds}
            if response.unacknowledged:
                fields["unacknowledged"] = response.unacknowledged
            await self._machines.record(machine.mac, event, fields)
        return response


def _ipxe(text: str) -> web.Response:
    return web.Response(text=text, headers={"Cache-Control": "no-store"})


def _mac(request: web.Request) -> str:
    try:
        return macs.normalise(request.query["mac"])
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


def _artifact_event(name: str, machine: Machine | None) -> str:
    """Which of the two files this is, for this machine; empty: neither."""
    if machine is None:
        return ""
    if name == (machine.osie_kernel or artifacts.KERNEL):
        return "kernel_sent"
    if name == (machine.osie_initrd or artifacts.INITRAMFS):
        return "initramfs_sent"
    return ""


def create(
    config: BootsConfig, machines: Machines, leases: Leases, ailing: Callable[[], str] = lambda: ""
) -> web.Application:
    """The application. `ailing` says what is wrong with the service, or nothing."""
    for prefix in config.files:
        if prefix in _OURS or not prefix or "/" in prefix or prefix.startswith("."):
            raise OsieError(
                f"boots: no folder can be served at /{prefix}", hint=f"reserved: {', '.join(sorted(_OURS))}"
            )
    handlers = Handlers(config, machines, leases, ailing)
    app = web.Application(client_max_size=_LONGEST_POST)
    app.add_routes(
        [
            web.get("/auto.ipxe", handlers.script),
            web.get("/artifacts/{name}", handlers.artifact),
            web.get("/ipxe/{name}", handlers.loader),
            web.post("/phone-home", handlers.phone_home),
            web.get("/healthz", handlers.health),
            web.get("/{prefix}/{path:.+}", handlers.file),
        ]
    )
    return app
