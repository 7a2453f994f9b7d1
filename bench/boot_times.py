"""One boot's times, read from the console's lines. Pure.

All are seconds of the guest's CLOCK_BOOTTIME, which begins at the kernel's first line.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# In the order in which they usually end. `get_action` is seen by the server, the others are the ramdisk's.
PHASES = ("kernel", "init", "python", "devices", "network", "clock", "engine", "worker", "get_action")
MEANING = {
    "kernel": "the kernel, until it starts /init",
    "init": "the squashed root is mounted, with a writable layer over it",
    "python": "PID 1 and Python start; our program says its first line",
    "devices": "udev has loaded the drivers and named the disks",
    "network": "the boot NIC has an address",
    "clock": "the clock is set, or nobody was there to set it by",
    "engine": "the container engine answers",
    "worker": "the worker's container runs",
    "get_action": "Python and gRPC start in it; the server sees its first GetAction",
}

_ENDED = re.compile(r"osie: (?P<step>\w+) ok at=(?P<at>[0-9.]+) took=(?P<took>[0-9.]+)")
_SAID = re.compile(r"osie: \S+ (?:\w+ )?at=(?P<at>[0-9.]+)")
_BYTES_READ = re.compile(r"osie: root at=\S+ read_bytes=(?P<bytes>\d+)")


@dataclass(frozen=True)
class Boot:
    """When each phase began and ended."""

    starts: dict[str, float]
    ends: dict[str, float]
    read_bytes: int | None  # of the squashed root, compressed, until the worker's container ran

    @classmethod
    def read(cls, lines: Iterable[tuple[float, str]], asked_at: float) -> "Boot":
        """From (unix seconds, line) of the console, and when the server saw GetAction in unix seconds.

        A line can't arrive before it was said, so the one that came soonest tells how the clocks differ.
        """
        starts, ends, read_bytes = {"kernel": 0.0}, {}, None
        differences = []
        for arrived, text in lines:
            if said := _SAID.search(text):
                differences.append(arrived - float(said["at"]))
            if (ended := _ENDED.search(text)) and ended["step"] not in ends:
                ends[ended["step"]] = float(ended["at"])
                starts[ended["step"]] = float(ended["at"]) - float(ended["took"])
            if told := _BYTES_READ.search(text):
                read_bytes = int(told["bytes"])
        ends["kernel"] = starts["init"]
        starts["python"], ends["python"] = ends["init"], starts["parameters"]
        starts["get_action"], ends["get_action"] = ends["worker"], asked_at - min(differences)
        return cls({name: starts[name] for name in PHASES}, {name: ends[name] for name in PHASES}, read_bytes)
