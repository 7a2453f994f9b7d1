"""The power is cut at random moments of an install, on a disk that loses what was not flushed.

OSIE_POWER_CUTS says how many cuts each variant gets (`make soak`), OSIE_POWER_CUT_SEED repeats a run.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

import pytest
from vm.writer import content
from vm.writer.conftest import WHOLE_S, Site
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

    @classmethod
    def drawn(cls, chance: random.Random, commands: int, seconds: float) -> Self:
        """Half of them anywhere in the disk's commands, a quarter among the last, a quarter by the clock."""
        kind = chance.choice(("any", "any", "last", "clock"))
        if kind == "clock":
            return cls(seconds=chance.uniform(0, seconds))
        return cls(chance.randrange(0 if kind == "any" else commands - _LAST, commands))

    def __str__(self) -> str:
        return f"after {self.seconds:.2f} s" if self.command is None else f"at command {self.command}"


@dataclass(frozen=True)
class Variant:
    """What is installed."""

    path: str
    manifest: bool


VARIANTS = (Variant("/image.zst", False), Variant("/image.zst", True), Variant("/image", True))


@pytest.mark.parametrize("variant", VARIANTS, ids=["no manifest", "zstd, manifest", "raw, manifest"])
async def test_power_cut(site: Site, variant: Variant) -> None:
    """After a cut the disk is complete and right, as it was before, or boots from nothing; the next run
    completes it, and what it calls done is durable.
    """
    task, seed = site.task(variant.path, manifest=variant.manifest), f"{SEED} {variant}"
    print(f"OSIE_POWER_CUT_SEED={SEED}")
    chance, found = random.Random(seed), Counter[str]()
    whole = await _whole(site, task)
    while found.total() < -(-CUTS // len(VARIANTS)):
        site.medium.replace(content.old_disk())
        await _chain(site, task, chance, found, whole)
    print(dict(found))


@pytest.mark.parametrize("path", ["/image.zst", "/image"])
async def test_goes_on_where_it_was(site: Site, path: str) -> None:
    """With a manifest, what is on the disk already isn't written again."""
    task = site.task(path, manifest=True)
    commands, _ = await _whole(site, task)
    assert await site.install_until(task, commands=commands * 3 // 4, seconds=_LONG_S)
    site.medium.keep_all()
    await site.machine.begin(task)
    ended = await site.machine.ended(WHOLE_S)
    await site.machine.cut()
    written = sum(length for what, _, length in site.medium.log if what == "write")
    site.medium.lose_all()
    assert (ended["status"], site.medium.durable == content.image()) == (0, True)
    assert any("going on from there" in line for line in site.machine.said())
    assert written < content.SIZE / 2


async def _whole(site: Site, task: dict[str, Any]) -> tuple[int, float]:
    """An install that nobody disturbs: the commands that change the disk, and the seconds it takes."""
    site.medium.replace(content.old_disk())
    await site.machine.begin(task)
    ended = await site.machine.ended(WHOLE_S)
    commands = len(site.medium.log)
    await site.machine.cut()
    site.medium.lose_all()
    assert ended["status"] == 0, site.machine.said()
    assert site.medium.durable == content.image()
    site.medium.replace(content.old_disk())
    return commands, ended["seconds"]


async def _chain(
    site: Site, task: dict[str, Any], chance: random.Random, found: Counter[str], whole: tuple[int, float]
) -> None:
    """Cut, and cut again while chance wants it; then let it end."""
    image, again = content.image(), True
    while again:
        before, when = bytes(site.medium.durable), Moment.drawn(chance, *whole)
        was_cut = await site.install_until(task, commands=when.command, seconds=when.seconds)
        site.medium.lose_power(chance)
        after = state(bytes(site.medium.durable), image, before)
        print(f"cut {when}{'' if was_cut else ' came too late'}: {after}")
        assert after is not None, "half of an image"
        assert was_cut or after == "installed", site.machine.said()
        found[after] += was_cut
        again = chance.random() < 0.5
    ended = await site.install(task)
    assert ended["status"] == 0, site.machine.said()
    assert site.medium.durable == image, "success was told of what is not durable"
