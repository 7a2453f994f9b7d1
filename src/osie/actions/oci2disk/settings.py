"""What oci2disk can be told. The upstream action's names, and what every image may have beside them."""

from collections.abc import Mapping
from typing import NamedTuple

from osie.actions.environment import Environment
from osie.actions.fetch.oci_access import Credentials
from osie.actions.fetch.oci_reference import Reference
from osie.actions.fetch.source import SourceError
from osie.actions.pipeline import options
from osie.actions.pipeline.install import Settings
from osie.actions.trust import settings as trust


class OciToDisk(NamedTuple):
    """One image in a registry, to one disk."""

    reference: str
    insecure: bool  # http, where the reference doesn't say
    credentials: Credentials | None
    settings: Settings


def read(variables: Mapping[str, str]) -> OciToDisk:
    """Read the settings. Raises SettingsError with all that is wrong."""
    environment = Environment(variables)
    reference = environment.text("IMG_URL").strip()
    insecure = environment.flag("INSECURE_REGISTRY")
    pinned = _is_pinned(environment, reference, insecure=insecure)
    write = options.writing(environment)
    stands = trust.read(environment, pinned=pinned)
    settings = Settings(reference, stands, options.fetching(environment), write)
    credentials = _credentials(environment)
    environment.check()
    return OciToDisk(reference, insecure, credentials, settings)


def _is_pinned(environment: Environment, reference: str, *, insecure: bool) -> bool:
    if not reference:
        return False
    try:
        return ":" in Reference.parse(reference, insecure=insecure).wanted  # a digest, no tag
    except SourceError as error:
        environment.error("IMG_URL", f"is wrong: {error}")
        return False


def _credentials(environment: Environment) -> Credentials | None:
    name, password = environment.text("REGISTRY_USERNAME", ""), environment.text("REGISTRY_PASSWORD", "")
    if bool(name) != bool(password):
        missing = "REGISTRY_PASSWORD" if name else "REGISTRY_USERNAME"
        environment.error(missing, "is not set, and its companion is")
    return Credentials(name, password) if name and password else None
