"""What was probably meant by a name that isn't there: the same name elsewhere, or one like it here."""

from collections.abc import Iterable

from osie.tink.domain.keys import nearest
from osie.tink.domain.resources import Ref


def hint(ref: Ref, known: Iterable[Ref]) -> str:
    """What to add to `there is no ...`; "": nothing is near."""
    of_kind = [each for each in known if each.kind == ref.kind]
    elsewhere = sorted({each.namespace for each in of_kind if each.name == ref.name} - {ref.namespace})
    if elsewhere:
        return f"; there is one in namespace {', '.join(elsewhere[:3])}"
    near = nearest(ref.name, [each.name for each in of_kind if each.namespace == ref.namespace])
    return f"; did you mean {near!r}?" if near and near != ref.name else ""
