"""A guest whose clock counts instructions, so that other work on the host changes nothing.

One virtual CPU, 2 ns an instruction; idle time is skipped. Where it stands is asked of QEMU (QMP), some 200
times a second; the kernel's own table of symbols, read over the serial console, tells what that is. The
network is QEMU's own (slirp): DHCP answers, and at the server's address nobody listens.
Source: QEMU's docs/devel/tcg-icount.rst.
"""

import base64
import bisect
import gzip
import json
import re
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from osie.core.errors import OsieError

_PARAMETERS = "console=ttyS0 nokaslr osie.debug grpc_authority=10.0.2.2:1"  # a port that nobody listens at
_STEP = re.compile(r"osie: ([\w-]+) ok at=([0-9.]+)")
# The worker's lines have the clock's time, which the kernel set to half past the RTC's second, saying this.
_CLOCK_SET = re.compile(r"^\[ *([0-9.]+)\] rtc_cmos .*setting system clock to \S+ UTC \((\d+)\)")
_ASKED = re.compile(r"worker: (\S+Z) waiting ")
ASKED = "get_action"  # the step that ends with the worker's first request, which is refused
_REGISTERS = re.compile(r"RIP=([0-9a-f]+).*?CPL=(\d)", re.DOTALL)
_MODULES = 0xFFFFFFFFC0000000  # where x86-64 keeps loaded modules
_PAUSE_S = 0.004
_KERNEL_TEXT = b"grep -i ' t ' /proc/kallsyms | grep -v '\\[' | gzip -9 | base64 -w 200; echo END-$((40+2))\n"


class Sample(NamedTuple):
    """Where the processor was."""

    address: int
    in_user_space: bool


@dataclass(frozen=True)
class Symbols:
    """The kernel's functions, by address."""

    addresses: list[int]
    names: list[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of the lines of /proc/kallsyms."""
        found = sorted((int(words[0], 16), words[2]) for words in map(str.split, text.splitlines()))
        return cls([address for address, _ in found], [name for _, name in found])

    def at(self, sample: Sample) -> str:
        """The function's name, `user` or `module`."""
        if sample.in_user_space:
            return "user"
        if sample.address >= _MODULES:
            return "module"
        place = bisect.bisect(self.addresses, sample.address) - 1
        return self.names[place] if place >= 0 else "before the kernel"


class Guest:
    """A ramdisk that boots with no server. A context: the machine ends with it."""

    def __init__(self, kernel: Path, initramfs: Path, parameters: str, memory_mib: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="osie-bench-guest-", dir="/var/tmp")
        control = Path(self._folder.name, "qmp")
        self._process = subprocess.Popen(
            [
                *("qemu-system-x86_64", "-accel", "tcg,thread=single", "-icount", "shift=1,sleep=off"),
                *(
                    "-cpu",
                    "qemu64,+rdrand",
                    "-machine",
                    "q35,graphics=off",
                    "-smp",
                    "1",
                    "-m",
                    str(memory_mib),
                ),
                *("-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot"),
                *("-kernel", kernel, "-initrd", initramfs, "-append", f"{_PARAMETERS} {parameters}"),
                *("-serial", "stdio", "-qmp", f"unix:{control},server=on,wait=off"),
                *("-nic", "user,model=virtio-net-pci,ipv6=off", "-rtc", "clock=vm"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._lines: list[str] = []
        self.samples: list[Sample] = []
        self.steps: dict[str, tuple[float, int]] = {}  # seconds of the guest's clock, samples until then
        self._clock_began_s = 0.0  # Unix seconds at the kernel's first line
        threading.Thread(target=self._read, daemon=True).start()
        self._control = self._connect(control)

    def _connect(self, control: Path) -> Any:
        connection = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 10
        while not control.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise OsieError(f"QEMU doesn't start: {self._lines[-3:]}")
            time.sleep(_PAUSE_S)
        connection.connect(str(control))
        stream = connection.makefile("rw")
        stream.readline()  # the greeting
        return stream

    def _ask(self, command: str, **arguments: str) -> Any:
        self._control.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._control.flush()
        for line in self._control:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise OsieError(f"QEMU: {answer['error']['desc']}")
        raise OsieError(f"QEMU ended: {self._lines[-3:]}")

    def _read(self) -> None:
        for raw in self._process.stdout or ():
            line = raw.decode("utf-8", "replace").rstrip()
            self._lines.append(line)
            if match := _STEP.search(line):
                self._ended(match[1], float(match[2]))
            elif match := _CLOCK_SET.search(line):
                self._clock_began_s = float(match[2]) + 0.5 - float(match[1])
            elif match := _ASKED.search(line):
                self._ended(ASKED, datetime.fromisoformat(match[1]).timestamp() - self._clock_began_s)

    def _ended(self, step: str, at_s: float) -> None:
        self.steps.setdefault(step, (at_s, len(self.samples)))

    def run_until(self, step: str, timeout_s: float) -> None:
        """Sample until the ramdisk says that the step is done. Raises OsieError where that takes too long."""
        self._ask("qmp_capabilities")
        deadline = time.monotonic() + timeout_s
        while step not in self.steps:
            if time.monotonic() > deadline:
                raise OsieError(f"no {step} within {timeout_s:g} s; last: {self._lines[-3:]}")
            found = _REGISTERS.search(
                self._ask("human-monitor-command", **{"command-line": "info registers"})
            )
            if found:  # not while the firmware runs in another mode
                self.samples.append(Sample(int(found[1], 16), found[2] == "3"))
            time.sleep(_PAUSE_S)

    def symbols(self, timeout_s: float) -> Symbols:
        """The running kernel's functions, by the shell on its console."""
        if self._process.stdin is None:
            raise OsieError("QEMU has no console")
        began = len(self._lines)
        self._process.stdin.write(b"\n" + _KERNEL_TEXT)
        self._process.stdin.flush()
        deadline = time.monotonic() + timeout_s
        while "END-42" not in self._lines[began:]:
            if time.monotonic() > deadline:
                raise OsieError(f"the console's shell doesn't answer; last: {self._lines[-3:]}")
            time.sleep(0.2)
        packed = "".join(line for line in self._lines[began:] if re.fullmatch(r"[A-Za-z0-9+/=]{4,200}", line))
        return Symbols.parse(gzip.decompress(base64.b64decode(packed)).decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()
