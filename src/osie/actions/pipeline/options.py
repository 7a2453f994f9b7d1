"""What every action that fetches an image can be told, and the defaults."""

from typing import Literal, NamedTuple

from osie.actions.content import rule
from osie.actions.disk import hints
from osie.actions.disk.readback import MODES, Mode
from osie.actions.environment import Environment
from osie.actions.fetch.patience import Patience
from osie.core import proxies


class FetchOptions(NamedTuple):
    """How to fetch, and how to tell."""

    patience: Patience
    compressed: bool | None  # as announced; the bytes themselves decide
    interval_s: float  # between two progress events
    text: bool  # progress as lines for people too


class DiskOptions(NamedTuple):
    """How to write."""

    disk: str  # a path, or hints
    readback: Mode | Literal[""]  # "": full where there is a manifest, a sample where there is none
    kind: rule.Kind  # what the image has to be


def fetching(environment: Environment) -> FetchOptions:
    """Read the options; what is wrong is noted in `environment`."""
    for name in proxies.VARIABLES:
        environment.text(name, "")  # looked at when a connection is made, by the rules of core.proxies
    minutes = environment.number("FETCH_DEADLINE_MINUTES", 0)
    return FetchOptions(
        patience=Patience(
            retry=environment.flag("RETRY_ENABLED", True),
            outage_s=60 * environment.number("RETRY_DURATION_MINUTES", 10),
            stall_s=environment.number("STALL_TIMEOUT_SECONDS", 30, least=0.1),
            total_s=60 * minutes if minutes else None,
        ),
        compressed=environment.flag("COMPRESSED") if environment.text("COMPRESSED", "") else None,
        interval_s=environment.number("PROGRESS_INTERVAL_SECONDS", 1, least=0.1),
        text=environment.flag("TEXT_LOGGING"),
    )


def writing(environment: Environment) -> DiskOptions:
    """Read the options; what is wrong is noted in `environment`."""
    mode = environment.text("READBACK", "").strip().lower()
    found: Mode | Literal[""] = ""
    for known in MODES:
        if mode == known:
            found = known
    if mode and not found:
        environment.error("READBACK", f"is {mode!r}: expected {', '.join(MODES[:-1])} or {MODES[-1]}")
    disk = environment.text("DEST_DISK")
    if disk and not disk.startswith("/"):
        try:
            hints.parse(disk)
        except ValueError as error:
            environment.error("DEST_DISK", str(error))
    return DiskOptions(disk, found, _image_kind(environment))


def _image_kind(environment: Environment) -> rule.Kind:
    value = environment.text("IMAGE_KIND", rule.KINDS[0]).strip().lower()
    for kind in rule.KINDS:
        if value == kind:
            return kind
    environment.error("IMAGE_KIND", f"is {value!r}: expected {' or '.join(rule.KINDS)}")
    return rule.KINDS[0]
