"""The port through which the netboot service sees all machines. A `mac` is always in normal form."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from osie.contracts.machine import Answer, Machine, Netboot

Chosen = TypeVar("Chosen", bound=Answer)


class Machines(Protocol):
    """Whoever knows the machines, and keeps what happens to them."""

    async def find(self, mac: str) -> Machine | None:
        """The machine with this interface, if it is known."""

    async def every(self) -> Sequence[Machine]:
        """All known interfaces, for DHCP's reservations."""

    async def netbooted(self, netboot: Netboot, choose: Callable[[Machine | None], Chosen]) -> Chosen:
        """Answer a machine that came to iPXE, by what `choose` makes of what is known of it; keep both.

        That it started is taken in first: a reboot that its workflow asked for is done, and one that comes
        back too often is stopped. `choose` is pure, and may be asked more than once.
        """

    async def phoned_home(self, mac: str, posted: Mapping[str, object], *, itself: bool) -> None:
        """Keep what an installed OS says of itself. `itself`: from its own address, so it has started."""

    async def record(self, mac: str, event: str, fields: Mapping[str, object]) -> None:
        """Put an event into the machine's journal, whether it is known or not."""

    async def log(self, mac: str, line: str) -> None:
        """Keep a line that the machine sent to syslog."""
