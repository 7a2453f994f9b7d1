"""A machine that netboots, for tests of the workflow engine: asked and answered as boots does it."""

from dataclasses import dataclass

from osie.contracts.machine import Kind, Machine, Netboot
from osie.tink.service.service import Tink


@dataclass(frozen=True)
class Answered:
    """The kind of a script, without its text."""

    kind: Kind


def choose(machine: Machine | None) -> Answered:
    """What boots answers, where no script is in error."""
    if machine is None:
        return Answered("unknown")
    if not machine.allow_pxe:
        return Answered("disk")
    return Answered("stopped" if machine.stopped else "install")


async def netboot(tink: Tink, mac: str, *, asked: int = 0) -> Kind:
    """What the machine with this address is answered at iPXE."""
    answer = await tink.machines.netbooted(Netboot(mac, "10.0.0.1", {}, asked), choose)
    return answer.kind
