"""Which accelerator QEMU can really use here, found out by a race of two guests: /dev/kvm proves nothing."""

import functools
import os
import subprocess
import tempfile
import time
from pathlib import Path

from osie.core.errors import OsieError
from osie.core.process import ProcessError, run

KVM = "kvm"
TCG = "tcg,thread=multi"
_PROBE_S = 5.0
_LEAST_S = 1.0  # what KVM is given at the least: QEMU's own start is most of it
_FAR_SLOWER = 3
_PORT = 0xF4
# mov dx, 0xf4; mov al, 0x10; out dx, al; hlt; jmp $-1
_CODE = bytes.fromhex("baf400b010eef4ebfd")
_DONE = 0x10 << 1 | 1  # isa-debug-exit's exit status for the 0x10 written to it
_DISK_BYTES = 1 << 20


def boot_sector() -> bytes:
    """A disk's first sector: code that ends QEMU, and the BIOS's signature."""
    return _CODE.ljust(510, b"\0") + b"\x55\xaa"


def probe_command(accelerator: str, disk: Path) -> list[str]:
    """QEMU's arguments for the guest that ends itself."""
    cpu = ["-cpu", "host"] if accelerator == KVM else []
    machine = ["-machine", "q35", "-nodefaults", "-display", "none", "-m", "64"]
    devices = [
        "-drive",
        f"file={disk},format=raw,if=ide",
        "-device",
        f"isa-debug-exit,iobase={_PORT:#x},iosize=4",
    ]
    return ["qemu-system-x86_64", "-accel", accelerator, *cpu, *machine, *devices]


def seconds(accelerator: str, within_s: float = _PROBE_S) -> float | None:
    """Run the guest; return how long it took, None where it didn't end within `within_s`.

    Raises ProcessError where QEMU is missing.
    """
    with tempfile.NamedTemporaryFile(prefix="osie-probe-") as disk:
        disk.write(boot_sector())
        disk.truncate(_DISK_BYTES)
        disk.flush()
        began = time.monotonic()
        try:
            done = run(probe_command(accelerator, Path(disk.name)), timeout_s=within_s, check=False)
        except ProcessError as error:
            if isinstance(error.__cause__, subprocess.TimeoutExpired):
                return None
            raise
    return time.monotonic() - began if done.returncode == _DONE else None


@functools.cache
def best() -> str:
    """Choose KVM unless a guest runs far slower with it than without, else TCG; probed once per process.

    A KVM without the processor's help (kvm-pvm, in rented machines) emulates real mode at a thirtieth of
    TCG's speed: firmware and iPXE, which live there, never come to an end.
    """
    emulated = seconds(TCG)
    patience_s = max(_LEAST_S, _FAR_SLOWER * emulated) if emulated is not None else _PROBE_S
    if os.access("/dev/kvm", os.R_OK | os.W_OK) and seconds(KVM, patience_s) is not None:
        return KVM
    if emulated is not None:
        return TCG
    raise OsieError("QEMU runs no guest here, not even an emulated one", hint="see `osie doctor`")
