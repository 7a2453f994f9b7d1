"""A rack of real machines in the lab, with the real server: what the VM tests hand workflows to."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml

from osie.cli.client import Client, Json
from osie.cli.demo.stage import Stage
from osie.lab import accelerator, qemu
from osie.lab.machine import TcgFault, VirtualMachine, create_disk

ENDED = {"SUCCESS", "FAILED", "TIMEOUT"}
DISK_BYTES = 2 << 30
T = TypeVar("T")


@dataclass
class Rack:
    """The server and the machines; tests hand out workflows."""

    stage: Stage
    served: Path  # http://.../images/
    machines: list[VirtualMachine] = field(default_factory=list)
    workflows: int = 0

    @property
    def client(self) -> Client:
        """The operator."""
        return self.stage.client

    def mac(self, number: int) -> str:
        """The machine's address."""
        return self.machines[number].hardware.mac

    async def add(
        self,
        memory_mib: int,
        ramdisk: tuple[Path, Path] | None = None,
        kernel_parameters: Sequence[str] = (),
        firmware: qemu.Firmware = "bios",
    ) -> VirtualMachine:
        """A machine that finds no work yet. It netboots, with these parameters last; or is handed that kernel
        and that ramdisk.
        """
        number = len(self.machines)
        disk = self.stage.workdir / f"disk-{number}.raw"
        create_disk(disk, DISK_BYTES)
        mac = f"52:54:00:05:1e:{number:02x}"
        direct = None
        if ramdisk is not None:
            server = (
                f"grpc_authority={self.stage.address}:42113 insecure_registries={self.stage.address}:5000"
            )
            direct = qemu.Direct(*ramdisk, f"console=ttyS0 {server} worker_id={mac} hw_addr={mac}")
        hardware = qemu.Hardware(
            f"machine-{number}", mac, disk, memory_mib=memory_mib, firmware=firmware, direct=direct
        )
        log = self.stage.workdir / f"console-{number}.log"
        machine = VirtualMachine(self.stage.network, hardware, log=log, accelerated_by=accelerator.best())
        self.machines.append(machine)
        described = hardware_yaml(hardware.name, hardware.mac, number, kernel_parameters)
        await self.client.apply([("hardware.yaml", described)])
        return machine

    async def start(self, name: str, number: int, actions: list[Json], **options: Json) -> str:
        """Apply a template of these actions, and a workflow of it for the machine."""
        self.workflows += 1
        name = f"{name}-{self.workflows}"
        task = {"name": "t", "worker": "{{ .device_1 }}", "actions": actions}
        template = {"version": "0.1", "name": name, "global_timeout": 1800, "tasks": [task]}
        documents = [
            document("Template", name, {"data": yaml.safe_dump(template)}),
            document(
                "Workflow",
                name,
                {
                    "templateRef": name,
                    "hardwareRef": self.machines[number].hardware.name,
                    "hardwareMap": {"device_1": self.mac(number)},
                    **options,
                },
            ),
        ]
        await self.client.apply([(f"{name}.yaml", yaml.safe_dump_all(documents))])
        return name

    async def ended(self, name: str, timeout_s: float = 240) -> Json:
        """The workflow once it has ended."""
        return await self.until(name, lambda w: w["status"]["state"] in ENDED, timeout_s)

    async def until(self, name: str, reached: Callable[[Json], bool], timeout_s: float = 240) -> Json:
        """The workflow once `reached` says yes."""

        async def ask() -> Json:
            workflow: Json = await self.client.request("GET", f"/workflows/{name}")
            return workflow

        return await self._when(ask, reached, timeout_s)

    async def printed(self, name: str, line: str, timeout_s: float = 240) -> None:
        """Wait until one of the workflow's actions printed the line."""
        await self._when(lambda: self.log(name), lambda lines: line in lines, timeout_s)

    async def _when(
        self, ask: Callable[[], Awaitable[T]], reached: Callable[[T], bool], timeout_s: float
    ) -> T:
        """Ask until the answer will do; with a deadline, and an eye on the machines."""
        deadline = time.monotonic() + timeout_s
        while True:
            answer = await ask()
            for machine in self.machines:  # first: what it reached in spite of that proves nothing
                if machine.tcg_fault:
                    raise TcgFault(f"QEMU's emulator broke the guest: {machine.tcg_fault.text}")
            if reached(answer):
                return answer
            assert time.monotonic() < deadline, f"still {answer}"
            await asyncio.sleep(0.2)

    async def log(self, name: str, action: str = "") -> list[str]:
        """What the workflow's actions printed, or one of them.

        Lines of one action are in its order; those of several are in the order in which the server had them.
        """
        only = {"action": action} if action else {}
        items = (await self.client.request("GET", f"/workflows/{name}/logs", params=only))["items"]
        return [item["text"] for item in items]

    async def starts(self, name: str) -> dict[str, int]:
        """How often each action began."""
        counts: dict[str, int] = {}
        for event in (await self.client.request("GET", f"/workflows/{name}/events"))["items"]:
            if event["action"] and event["to"] == "RUNNING":
                counts[event["action"]] = counts.get(event["action"], 0) + 1
        return counts


def document(kind: str, name: str, spec: Json) -> Json:
    """Make a resource's document."""
    return {"apiVersion": "tinkerbell.org/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def hardware_yaml(name: str, mac: str, number: int, kernel_parameters: Sequence[str] = ()) -> str:
    """A machine that may netboot."""
    dhcp = {
        "mac": mac,
        "hostname": name,
        "ip": {
            "address": f"192.168.137.{20 + number}",
            "netmask": "255.255.255.0",
            "gateway": "192.168.137.1",
        },
    }
    netboot: Json = {"allowPXE": True, "allowWorkflow": True}
    if kernel_parameters:
        netboot["osie"] = {"kernelParams": list(kernel_parameters)}
    interface = {"dhcp": dhcp, "netboot": netboot}
    return yaml.safe_dump(
        document("Hardware", name, {"disks": [{"device": "/dev/vda"}], "interfaces": [interface]})
    )


async def boot(rack: Rack, number: int) -> None:
    """Switch the machine on; return when its worker asks for work."""
    machine = rack.machines[number]
    await machine.power_on()
    await machine.console.wait_for(r"osie: worker ok", 240, since=machine.powered_on_at)
