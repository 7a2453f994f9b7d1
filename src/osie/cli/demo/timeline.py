"""The demo's timeline: which sighting stands for which event, and what the report says. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

# In the order in which a machine passes them; each from the part that sees it happen.
EVENTS = (
    "power_on",  # the lab: QEMU started
    "dhcp_ack",  # dnsmasq's log
    "ipxe_script",  # boots: the script was asked for
    "kernel_sent",  # boots: the last byte was sent
    "initramfs_sent",
    "init",  # the machine's console
    "network_up",
    "engine_up",
    "worker_up",  # tink: the worker's first GetAction
    "first_action",  # tink: the first action runs
    "image_written",  # tink: image2disk succeeded
    "workflow_success",
    "reboot",  # QEMU's monitor: the guest reset the machine
    "os_up",  # boots: the installed OS posted this run's token
)

MEANING = {
    "power_on": "the machine is switched on",
    "dhcp_ack": "its firmware has an address",
    "ipxe_script": "iPXE asks what to do",
    "kernel_sent": "the kernel was sent",
    "initramfs_sent": "the ramdisk was sent",
    "init": "Osie's root is mounted",
    "network_up": "Osie has an address",
    "engine_up": "the container engine answers",
    "worker_up": "the tink-worker asks for work",
    "first_action": "the first action runs",
    "image_written": "the OS is on the disk, synced and checked",
    "workflow_success": "every action succeeded",
    "reboot": "the machine resets",
    "os_up": "the OS, started from the disk, phoned home",
}

# Nothing is proven without these: the workflow's end, and the token that the OS on the disk alone can know.
PROOF = ("workflow_success", "os_up")
# An OS that phoned home before one of these isn't the one that was written to the disk and started from it.
_BEFORE_THE_OS = ("first_action", "image_written", "reboot")
# Not a step after the one before: the network and the engine come up side by side. And a machine may reset
# before its worker could report the success, which tink then knows by its next boot.
_SIDE_BY_SIDE = {"network_up", "engine_up", "workflow_success"}

IMAGE_ACTION = "write-os"  # the name of image2disk's action in resources/template.yaml

_STEP = re.compile(r"osie: (?P<step>\w+) ok at=(?P<at>[0-9.]+)")
_MEMORY = re.compile(r"osie: memory .*\bpeak_used_mib=(?P<peak>\d+)")
_FROM_CONSOLE = {"init": "init", "network": "network_up", "engine": "engine_up"}
_FROM_JOURNAL = {
    "dhcp_ack": "dhcp_ack",
    "kernel_sent": "kernel_sent",
    "initramfs_sent": "initramfs_sent",
    "worker_up": "worker_up",
}


@dataclass
class Timeline:
    """When each event was first seen, in unix seconds, and the guest's highest memory use."""

    seen: dict[str, float] = field(default_factory=dict)
    peak_used_mib: int | None = None
    resets: list[float] = field(default_factory=list)  # by the guest, whatever for; unix seconds

    def saw(self, event: str, at: float) -> bool:
        """Note an event; True where it is new. Only the first sighting counts."""
        if event in self.seen:
            return False
        self.seen[event] = at
        return True

    def console_line(self, text: str, at: float) -> str | None:
        """Read a line of the machine's console; return the event it stands for, if new."""
        if memory := _MEMORY.search(text):
            self.peak_used_mib = max(self.peak_used_mib or 0, int(memory["peak"]))
        step = _STEP.search(text)
        event = _FROM_CONSOLE.get(step["step"]) if step else None
        return event if event and self.saw(event, at) else None

    def machine_event(self, item: Mapping[str, Any], token: str) -> str | None:
        """Read an event of boots' journal; return the timeline's event, if new."""
        kind, fields, at = item["event"], item.get("fields") or {}, float(item["at"])
        if kind == "ipxe_script":
            event = "ipxe_script" if fields.get("kind") == "install" else None
        elif kind == "phone_home":
            event = "os_up" if fields.get("token") == token else None
        else:
            event = _FROM_JOURNAL.get(kind)
        return event if event and self.saw(event, at) else None

    def workflow_event(self, item: Mapping[str, Any]) -> str | None:
        """Read a change of state in the workflow; return the timeline's event, if new."""
        at, action, state = float(item["at"]), item.get("action"), item.get("to")
        event = None
        if action and state == "RUNNING":
            event = "first_action"
        elif action == IMAGE_ACTION and state == "SUCCESS":
            event = "image_written"
        elif not action and state == "SUCCESS":
            event = "workflow_success"
        return event if event and self.saw(event, at) else None

    def reboot(self) -> str | None:
        """The event where the guest reset the machine after the image was written, if new.

        Not after the workflow's success: see _SIDE_BY_SIDE. A reset before the image is the firmware's, or
        another attempt's. Ask again after every event: a reset may be heard of before what came earlier.
        """
        written = self.seen.get("image_written")
        after = [at for at in self.resets if written is not None and at >= written]
        return "reboot" if after and self.saw("reboot", after[0]) else None

    def rows(self) -> list[tuple[str, float]]:
        """(event, seconds since power_on), in the order of EVENTS."""
        start = self.seen.get("power_on", 0.0)
        return [(event, round(self.seen[event] - start, 3)) for event in EVENTS if event in self.seen]

    def missing(self) -> list[str]:
        """The events that nobody saw."""
        return [event for event in EVENTS if event not in self.seen]

    def disorder(self) -> list[str]:
        """Events seen before one that comes earlier."""
        times = [(event, at) for event, at in self.rows() if event not in _SIDE_BY_SIDE]
        return [later for (_, a), (later, b) in pairwise(times) if b < a]

    def disproof(self) -> str:
        """Why the OS that phoned home isn't proven to be the one installed; empty where it is."""
        if lacking := [event for event in PROOF if event not in self.seen]:
            return f"nobody saw {', '.join(lacking)}"
        up = self.seen["os_up"]
        late = [event for event in _BEFORE_THE_OS if self.seen.get(event, up) > up]
        return f"it phoned home before {', '.join(late)}" if late else ""


@dataclass(frozen=True)
class Outcome:
    """How the demo ended."""

    result: str  # success or failure
    reason: str
    accelerator: str
    firmware: str
    memory_mib: int
    kernel_bytes: int
    initramfs_bytes: int
    restarts: int  # how often the emulator's known fault made us power on again
    not_seen: tuple[str, ...] = ()  # events that nobody saw
    out_of_order: tuple[str, ...] = ()  # events seen before one that comes earlier

    def report(self, timeline: Timeline) -> dict[str, Any]:
        """What `--report FILE` holds."""
        return {
            "result": self.result,
            "reason": self.reason,
            "accelerator": self.accelerator,
            "firmware": self.firmware,
            "memory_mib": self.memory_mib,
            "artifacts": {"kernel_bytes": self.kernel_bytes, "initramfs_bytes": self.initramfs_bytes},
            "timeline": [{"event": event, "at_s": at} for event, at in timeline.rows()],
            "memory": {"peak_used_mib": timeline.peak_used_mib},
            "restarts": self.restarts,
            "not_seen": list(self.not_seen),
            "out_of_order": list(self.out_of_order),
        }
