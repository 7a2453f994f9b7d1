"""Random messages of any protobuf type, for Hypothesis: well formed, with values that nobody expects."""

from collections.abc import Mapping, Sequence

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

# Text of protobuf is UTF-8: any character but surrogates. NUL, and much of it, are what stores choke on.
_TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", " ", "\0", "a\0b", "/", "//", "default/", "x" * 300, "x" * 100_000, "%", "\u202e"]),
)
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),  # proto3's enums are open
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_MOST_ITEMS = 3

Known = Mapping[str, Sequence[str]]


def messages(kind: Descriptor, known: Known) -> st.SearchStrategy[Message]:
    """Messages of a kind. `known` has, for fields of some names, values that mean something to the reader."""
    form = GetMessageClass(kind)
    fields = {field.name: _field(field, known) for field in kind.fields}
    return st.fixed_dictionaries({}, optional=fields).map(lambda values: form(**values))


def _field(field: FieldDescriptor, known: Known) -> st.SearchStrategy[object]:
    one = _value(field, known)
    return st.lists(one, max_size=_MOST_ITEMS) if field.is_repeated else one


def _value(field: FieldDescriptor, known: Known) -> st.SearchStrategy[object]:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_MESSAGE:
        inner = field.message_type
        assert inner is not None
        return st.deferred(lambda: messages(inner, known))
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return st.sampled_from(known[field.name]) | _TEXT if field.name in known else _TEXT
    if kind in _INTEGERS:
        least, most = _INTEGERS[kind]
        return st.integers(0, 6) | st.sampled_from([least, most]) | st.integers(least, most)
    if kind == FieldDescriptor.CPPTYPE_DOUBLE:
        return st.floats()
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    raise NotImplementedError(f"{field.full_name}: no strategy for its type")
