"""What applying files would change, with no side effect."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from osie.tink.domain import views
from osie.tink.domain.resources import Ref, Resource
from osie.tink.domain.served_network import ServedNetwork
from osie.tink.domain.views import Json
from osie.tink.files.admission import admit
from osie.tink.files.known import Known
from osie.tink.files.manifest import RefusedError, parse
from osie.tink.service.applying import known_of
from osie.tink.store.database import Store


@dataclass(frozen=True)
class Difference:
    """A resource as it is (None: not there) and as the files want it."""

    ref: Ref
    change: str  # "created", "configured" or "unchanged"
    before: Json | None
    after: Json


@dataclass(frozen=True)
class Differences:
    """Every resource of some files, and what of them has no effect."""

    found: list[Difference]
    warnings: list[str]


async def differences(
    store: Store, files: Sequence[tuple[str, str]], network: ServedNetwork | None = None
) -> Differences:
    """Each of the files' resources. Raises RefusedError with every fault, as applying does."""
    batch = await asyncio.to_thread(parse, files)  # as in applying
    async with store.read() as connection:
        known = await known_of(connection, batch)
    admission = await admit(batch, known, network)
    if batch.faults:
        raise RefusedError(batch.faults, "nothing can be applied")
    told = {resource.ref: change for resource, change in admission.changed}
    found = [
        Difference(ref, told.get(ref, "unchanged"), _shown(known.resources.get(ref)), views.written(resource))
        for ref, resource in batch.resources.items()
    ]
    return Differences(found, admission.warnings)


def _shown(resource: Resource | None) -> Json | None:
    return None if resource is None else views.written(resource)


@dataclass(frozen=True)
class Verdict:
    """Files that are right as far as they can be checked alone."""

    resources: Mapping[Ref, Resource]
    notes: list[str]  # what would have to be looked up in a server
    drafts: Mapping[Ref, Any]  # the workflows that could be rendered


async def validate(files: Sequence[tuple[str, str]]) -> Verdict:
    """Check files with no server. Raises RefusedError with every fault."""
    batch = parse(files)
    admission = await admit(batch, Known({}, {}, {}, whole=False))
    if batch.faults:
        raise RefusedError(batch.faults, "these files can't be applied")
    return Verdict(batch.resources, admission.warnings, admission.drafts)
