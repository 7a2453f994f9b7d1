"""What the store holds of what a batch of files can touch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from osie.tink.domain.resources import Ref, Resource
from osie.tink.domain.workflow import State


@dataclass(frozen=True)
class Known:
    """What the store holds, of what a batch can touch."""

    resources: Mapping[Ref, Resource]
    identities: Mapping[
        tuple[str, str], Ref
    ]  # ("agent" | "address", value); MACs are agents' ids -> the Hardware with it
    states: Mapping[Ref, State]  # of the workflows that the batch names again
    near: Sequence[Ref] = ()  # what may have been meant by a name that isn't there
    whole: bool = True  # False: there may be more, so that what isn't found is told and no fault
