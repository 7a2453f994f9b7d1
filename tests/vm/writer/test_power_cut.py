"""The power is cut at random moments of an install, on a disk that loses what was not flushed.

OSIE_POWER_CUTS says how many cuts each variant gets (`make soak`), OSIE_POWER_CUT_SEED repeats a run.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
import zstandard

from osie.lab.machine import TcgFault
from vm.writer import content
from vm.writer.conftest import Site
from vm.writer.verdict import state

pytestmark = pytest.mark.asyncio(loop_scope="session")

CUTS = int(os.environ.get("OSIE_POWER_CUTS", "25"))
SEED = os.environ.get("OSIE_POWER_CUT_SEED") or str(random.SystemRandom().randrange(10**9))
_LAST = 8  # commands: the syncs and the ends
_LONG_S = 1000.0


@dataclass(frozen=True)
class Moment:
    """When to cut: before that command of those that change the disk, or after so many seconds."""

    command: int | None = None
    seconds: float = _LONG_S

    def __str__(self) -> str:
        return f"after {self.seconds:.2f} s" if self.command is None else f"at command {self.command}"


def moment(chance: random.Random, commands: int, seconds: float) -> Moment:
    """Half of the moments anywhere in the disk's commands, a quarter among the last, a quarter by the clock."""
    kind = chance.choice(("any", "any", "last", "clock"))
    if kind == "clock":
        return Moment(seconds=chance.uniform(0, seconds))
    return Moment(command=chance.randrange(commands if kind == "any" else _LAST) + (commands - _LAST) * (kind == "last"))


async def test_power_cut(site: Site) -> None:
    """After a cut the disk is complete and right, as it was before, or boots from nothing; the next run
    completes it, and what it calls done is durable.
    """
    image, old = content.image(), content.old_disk()
    site.files["/image.zst"] = zstandard.compress(image)
    task = site.task("/image.zst")
    print(f"OSIE_POWER_CUT_SEED={SEED}")
    chance = random.Random(SEED)
    site.medium.replace(old)
    await site.machine.begin(task)
    whole = await site.machine.ended(120)
    commands = len(site.medium.log)
    await site.machine.cut()
    site.medium.lose_all()
    assert (whole["status"], state(site.medium.durable, image, old)) == (0, "installed"), site.machine.said()
    found: Counter[str] = Counter()
    while found.total() < CUTS:
        site.medium.replace(old)
        try:
            await _chain(site, task, image, chance, found, (commands, whole["seconds"]))
        except TcgFault as fault:
            print(f"{fault}; another chain")
            await site.machine.cut()
    print(dict(found))


async def _chain(
    site: Site,
    task: dict[str, Any],
    image: bytes,
    chance: random.Random,
    found: Counter[str],
    whole: tuple[int, float],
) -> None:
    """Cut, and cut again while chance wants it; then let it end."""
    again = True
    while again:
        before, when = bytes(site.medium.durable), moment(chance, *whole)
        was_cut = await site.install_until(task, commands=when.command, seconds=when.seconds)
        site.medium.lose_power(chance)
        after = state(bytes(site.medium.durable), image, before)
        print(f"cut {when}{'' if was_cut else ' came too late'}: {after}")
        assert after is not None, f"half of an image; repeat with OSIE_POWER_CUT_SEED={SEED}"
        assert was_cut or after == "installed", site.machine.said()
        found[after] += was_cut
        again = chance.random() < 0.5
    ended = await site.install(task)
    assert ended["status"] == 0, site.machine.said()
    assert site.medium.durable == image, "success was told of what is not durable"
