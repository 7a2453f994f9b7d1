"""Consoles on a kernel's command line: of them Linux takes the first, of other parameters the last. Pure.

So the winner's has to be the only one there. Parameters that the kernel or modprobe gathers (`memmap=`,
`modprobe.blacklist=`) are gathered of all.
"""

import re
from collections.abc import Sequence

Pair = tuple[str, str]  # a parameter's name and value

# Where a driver's name ends, and its index or options begin (kernel/printk/printk.c, console_setup).
_DRIVER = re.compile(r"[^0-9,]*")
# One for all drivers: setup_earlycon (drivers/tty/serial/earlycon.c), x86's setup_early_printk.
_EARLY = ("earlycon", "earlyprintk")


def settled(layers: Sequence[Sequence[Pair]]) -> list[Pair]:
    """The layers' parameters in order, without the consoles in whose place a later layer names another.

    The order matters: /dev/console is the last of all (printk.c, preferred_console).
    """
    kept: list[Pair] = []
    for layer in layers:
        taken = {_place(pair) for pair in layer}
        kept = [pair for pair in kept if not _place(pair) or _place(pair) not in taken]
        kept += layer
    return kept


def _place(pair: Pair) -> str:
    """What only the first gets: a driver, or being the early console. Empty: it's not such a parameter."""
    name, value = pair
    if name in _EARLY:
        return name
    if name != "console" or not value or ":" in value.partition(",")[0]:  # DEVNAME:0.0: the driver isn't told
        return ""
    found = _DRIVER.match(value)
    driver = found[0] if found else ""
    # 0 is ttyS0; uart and uart8250 are one of its ports by address (8250_core.c, univ8250_console_match).
    return "ttyS" if driver in {"", "uart"} else driver
