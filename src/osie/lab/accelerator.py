"""Which accelerator QEMU can really use here, found out by running a guest: /dev/kvm alone proves nothing."""

import functools
import os
import subprocess
import tempfile
from pathlib import Path

from osie.core.errors import OsieError
from osie.core.process import ProcessError, run

KVM = "kvm"
TCG = "tcg,thread=multi"
_PROBE_S = 5.0
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


def works(accelerator: str) -> bool:
    """Whether a guest runs with it, within some seconds. QEMU missing is an error."""
    with tempfile.NamedTemporaryFile(prefix="osie-probe-") as disk:
        disk.write(boot_sector())
        disk.truncate(_DISK_BYTES)
        disk.flush()
        try:
            done = run(probe_command(accelerator, Path(disk.name)), timeout_s=_PROBE_S, check=False)
        except ProcessError as error:
            if isinstance(error.__cause__, subprocess.TimeoutExpired):
                return False
            raise
    return done.returncode == _DONE


@functools.cache
def best() -> str:
    """KVM where it works, else TCG; probed once per process."""
    if os.access("/dev/kvm", os.R_OK | os.W_OK) and works(KVM):
        return KVM
    if works(TCG):
        return TCG
    raise OsieError("QEMU runs no guest here, not even an emulated one", hint="see `osie doctor`")
