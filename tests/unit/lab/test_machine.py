"""What can be said of a machine without one."""

from pathlib import Path

import pytest

from osie.lab import qemu
from osie.lab.accelerator import KVM, TCG
from osie.lab.machine import MachineError, TcgFault, VirtualMachine
from osie.lab.network import Network
from osie.lab.qmp import event_of

OOPS = b"[   12.3] Oops: int3: 0000 [#1] PREEMPT SMP\r\n"


def machine(folder: Path, accelerator: str) -> VirtualMachine:
    """A machine that is not plugged in."""
    hardware = qemu.Hardware("m", "52:54:00:05:1e:01", folder / "disk")
    return VirtualMachine(Network(), hardware, log=folder / "log", accelerated_by=accelerator)


async def test_emulator_fault_is_told_apart(tmp_path: Path) -> None:
    """The emulator's known fault ends the waiting with an error of its own."""
    broken = machine(tmp_path, TCG)
    broken.console.feed(OOPS, 5.0)
    with pytest.raises(TcgFault):
        await broken.console.wait_for("login", 60)
    assert broken.tcg_fault is not None and broken.tcg_fault.at == 5.0
    with pytest.raises(TcgFault):
        await broken.watch()
    broken.console.close()


async def test_with_kvm_it_is_a_real_fault(tmp_path: Path) -> None:
    """The same words under KVM excuse nothing."""
    real = machine(tmp_path, KVM)
    real.console.feed(OOPS, 5.0)
    assert real.tcg_fault is None
    real.console.close()


async def test_reset_needs_power(tmp_path: Path) -> None:
    """A machine that is off can't be reset; cutting its power changes nothing."""
    idle = machine(tmp_path, TCG)
    with pytest.raises(MachineError, match="off"):
        await idle.reset()
    await idle.cut()
    await idle.power_off()


def test_monitor_events() -> None:
    """An event carries QEMU's time and who did it; answers are none."""
    reset = event_of(
        {
            "event": "RESET",
            "data": {"guest": True, "reason": "guest-reset"},
            "timestamp": {"seconds": 1700000000, "microseconds": 250000},
        }
    )
    assert reset is not None and reset.at == 1700000000.25 and reset.by_guest
    assert event_of({"return": {}}) is None
