"""`osie get --watch`: a list looked at again and again; on a terminal as it is, elsewhere what changes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from osie.cli import show
from osie.cli.client import AwayError, Json
from osie.cli.following import Outage

_LOOK_S = 2.0
_GONE_SHOWN = 5


class Listing:
    """A list between two looks: what is new, what changed, what is gone."""

    def __init__(self, kind: str, *, wide: bool, selected: bool) -> None:
        self.kind, self.wide = kind, wide
        self.items: list[Json] = []
        self.gone: list[str] = []  # in the order in which they went
        self._selected = selected
        self._looks = 0
        self._told: dict[str, list[str]] = {}
        self._changed: dict[str, int] = {}  # the look that saw an item's last change

    def look(self, items: list[Json]) -> tuple[list[Json], list[str]]:
        """Take the list as it is now; the items that are new or changed, and a line for each that is gone."""
        self._looks += 1
        self.items = items
        now = {show.key(item): show.steady(self.kind, item, wide=self.wide) for item in items}
        went = [key for key in self._told if key not in now]
        changed = [item for item in items if self._told.get(key := show.key(item)) != now[key]]
        self._changed = {key: look for key, look in self._changed.items() if key in now}
        if self._looks > 1:
            self._changed |= {show.key(item): self._looks for item in changed}
        self._told = now
        lines = [self._farewell(key) for key in went]
        self.gone = (self.gone + lines)[-_GONE_SHOWN:]
        return changed, lines

    def _farewell(self, key: str) -> str:
        name = key.removeprefix("default/")
        # One that a filter leaves out now may well be there still.
        return (
            f"{self.kind.removesuffix('s')}/{name} {'is no longer listed' if self._selected else 'deleted'}"
        )

    def screen(self, width: int, height: int) -> RenderableType:
        """As much as fits into so many lines: all in the list's order, or what changed last first."""
        below = [Text(line, no_wrap=True, overflow="ellipsis", style="dim") for line in self.gone]
        room = max(1, height - 1 - len(below))  # the titles take a line
        shown, hidden = self.items, list[Json]()
        if len(shown) > room:
            newest = sorted(self.items, key=self._newest, reverse=True)
            shown, hidden = newest[: max(1, room - 1)], newest[max(1, room - 1) :]
            below.insert(0, Text(self._summary(hidden), no_wrap=True, overflow="ellipsis", style="bold"))
        return Group(show.table(self.kind, shown, wide=self.wide, width=width), *below)

    def _newest(self, item: Json) -> tuple[int, float]:
        return self._changed.get(show.key(item), 0), show.latest(item)

    def _summary(self, hidden: list[Json]) -> str:
        states = Counter(item["status"]["state"] for item in hidden if "status" in item)
        told = ", ".join(f"{count} {state}" for state, count in states.most_common())
        return f"... and {len(hidden)} more that changed earlier{': ' if told else ''}{told}"


async def watch(console: Console, listing: Listing, fetch: Callable[[], Awaitable[list[Json]]]) -> None:
    """Show the list until the process is interrupted, through restarts of the server."""
    if not console.is_terminal:
        async for items in _looks(fetch):
            changed, gone = listing.look(items)
            if changed:
                console.print(show.table(listing.kind, changed, wide=listing.wide))
            for line in gone:
                console.print(line, highlight=False, markup=False)
        return
    with Live(console=console, auto_refresh=False) as live:
        async for items in _looks(fetch):
            listing.look(items)
            live.update(listing.screen(console.width, console.height - 1), refresh=True)


async def _looks(fetch: Callable[[], Awaitable[list[Json]]]) -> AsyncIterator[list[Json]]:
    """The list, again and again. Raises ApiError where the first look fails, or the server stays away."""
    yield await fetch()
    outage = Outage()
    while True:
        await asyncio.sleep(_LOOK_S)
        try:
            items = await fetch()
        except AwayError as error:
            await outage.wait(error)
            continue
        outage.over()
        yield items
