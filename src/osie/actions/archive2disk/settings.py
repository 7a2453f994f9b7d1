"""What archive2disk can be told. The upstream action's names, and what every fetching action has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from osie.actions.environment import Environment
from osie.actions.pipeline import options
from osie.actions.trust import settings as trust


@dataclass(frozen=True)
class Settings:
    """One archive, one folder."""

    urls: tuple[str, ...]  # the same archive, in the order of preference
    device: str  # with the file system
    kind: str  # of the file system
    folder: PurePosixPath
    trust: trust.TrustSettings
    fetch: options.FetchOptions


def read(variables: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError with all that is wrong."""
    environment = Environment(variables, other_names={"CHECKSUM": "TARFILE_CHECKSUM"})
    urls = environment.urls("ARCHIVE_URL", ("http", "https", "file"))
    folder = PurePosixPath(environment.path("DEST_PATH"))
    if ".." in folder.parts:
        environment.error("DEST_PATH", f"is '{folder}': it may not contain '..'")
    kind = environment.text("ARCHIVE_TYPE", "tar").strip().lower()
    if not kind.startswith(("tar", "tgz")):  # the bytes tell the compression
        environment.error("ARCHIVE_TYPE", f"is {kind!r}: expected tar, targz or another tar.*")
    if environment.text("MANIFEST_URL", ""):
        environment.error("MANIFEST_URL", "is set: manifests are of disk images")
    settings = Settings(
        urls=urls,
        device=environment.path("DEST_DISK"),
        kind=environment.text("FS_TYPE"),
        folder=folder,
        trust=trust.read(environment, image=urls[0] if urls else ""),
        fetch=options.fetching(environment),
    )
    environment.check()
    return settings
