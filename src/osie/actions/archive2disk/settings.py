"""What archive2disk can be told. The upstream action's names, and what every fetching action has."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from osie.actions.environment import Environment
from osie.actions.pipeline import options
from osie.actions.trust import settings as trust

_UNCHECKED = "INSECURE_NO_TARFILE_CHECKSUM_VERIFICATION"


class Settings(NamedTuple):
    """One archive, one folder."""

    urls: tuple[str, ...]  # the same archive, in the order of preference
    device: str  # with the file system
    kind: str  # of the file system
    folder: PurePosixPath
    trust: trust.TrustSettings
    fetch: options.FetchOptions


def read(variables: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError with all that is wrong."""
    unchecked = Environment(variables).flag(_UNCHECKED)
    names = {"FETCH_DEADLINE_MINUTES": "HTTP_CLIENT_TIMEOUT_MINUTES"}
    if not unchecked:
        names["CHECKSUM"] = "TARFILE_CHECKSUM"
    environment = Environment(variables, other_names=names)
    environment.flag(_UNCHECKED)
    urls = environment.urls("ARCHIVE_URL", ("http", "https", "file"))
    folder = PurePosixPath(environment.path("DEST_PATH"))
    if ".." in folder.parts:
        environment.error("DEST_PATH", f"is '{folder}': it may not contain '..'")
    kind = environment.text("ARCHIVE_TYPE", "tar").strip().lower()
    if not kind.startswith(("tar", "tgz")):  # the bytes tell the compression
        environment.error("ARCHIVE_TYPE", f"is {kind!r}: expected tar, targz or another tar.*")
    if environment.text("MANIFEST_URL", ""):
        environment.error("MANIFEST_URL", "is set: manifests are of disk images")
    stands = trust.read(environment, image=urls[0] if urls else "")
    if not unchecked and not environment.text("CHECKSUM", "") and not stands.verified:
        environment.error("TARFILE_CHECKSUM", f"is not set, nor {_UNCHECKED}=true")
    settings = Settings(
        urls=urls,
        device=environment.path("DEST_DISK"),
        kind=environment.text("FS_TYPE"),
        folder=folder,
        trust=stands,
        fetch=options.fetching(environment),
    )
    environment.check()
    return settings
