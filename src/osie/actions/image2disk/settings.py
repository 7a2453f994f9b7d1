"""What image2disk can be told. The upstream action's names, and CHECKSUM and its like beside them."""

from collections.abc import Mapping
from dataclasses import dataclass

from osie.actions.environment import Checksum, Environment
from osie.actions.fetch.http import Patience


@dataclass(frozen=True)
class Settings:
    """One image, one disk."""

    url: str
    disk: str
    checksum: Checksum | None  # of the bytes as fetched
    raw_checksum: Checksum | None  # of the decompressed image
    compressed: bool | None  # as announced; the bytes themselves decide
    patience: Patience
    interval_s: float
    text: bool  # progress as text too


def read(variables: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError with all that is wrong."""
    environment = Environment(variables)
    settings = Settings(
        url=environment.url("IMG_URL", ("http", "https", "file")),
        disk=environment.path("DEST_DISK"),
        checksum=environment.checksum("CHECKSUM"),
        raw_checksum=environment.checksum("RAW_CHECKSUM"),
        compressed=environment.flag("COMPRESSED") if variables.get("COMPRESSED") else None,
        patience=Patience(
            retry=environment.flag("RETRY_ENABLED", True),
            outage_s=60 * environment.number("RETRY_DURATION_MINUTES", 10),
            stall_s=environment.number("STALL_TIMEOUT_SECONDS", 30, least=0.1),
        ),
        interval_s=environment.number("PROGRESS_INTERVAL_SECONDS", 1, least=0.1),
        text=environment.flag("TEXT_LOGGING"),
    )
    if environment.flag("REQUIRE_VERIFIED") and not (
        variables.get("CHECKSUM") or variables.get("RAW_CHECKSUM")
    ):
        environment.error("CHECKSUM", "is not set, and REQUIRE_VERIFIED=true")
    environment.check()
    return settings
