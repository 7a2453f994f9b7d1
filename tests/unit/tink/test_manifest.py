"""What can be told from the files alone."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.tink.domain.resources import API_VERSION, Kind, Ref
from osie.tink.files.documents import UnreadableError, read, read_values
from osie.tink.files.manifest import Batch, parse

HARDWARE = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata:
  name: m1
spec:
  bmcRef: {name: anything}
  interfaces:
    - dhcp: {mac: 52-54-00-12-34-56, ip: {address: 10.0.0.1, netmask: 255.255.255.0}}
"""


def faults(batch: Batch) -> list[tuple[int | None, str, str]]:
    """(document, path, message) of each fault."""
    return [(fault.document, fault.path, fault.message) for fault in batch.faults]


def test_documents_of_all_files_are_read() -> None:
    """YAML with several documents and a JSON file make one batch; empty documents don't count."""
    template = {
        "apiVersion": "tinkerbell.org/v1alpha1",
        "kind": "Template",
        "metadata": {"name": "t"},
        "spec": {"data": "x"},
    }
    batch = parse(
        [("a.yaml", f"# only a comment\n---\n{HARDWARE}---\n"), ("b.json", json.dumps(template, indent="\t"))]
    )
    assert batch.faults == []
    assert set(batch.resources) == {Ref(Kind.HARDWARE, "default", "m1"), Ref(Kind.TEMPLATE, "default", "t")}
    assert batch.sources[Ref(Kind.HARDWARE, "default", "m1")].document == 1


def test_a_list_s_items_are_read_each() -> None:
    """A `kind: List`, as `osie get -o json` and kubectl print several; a fault names its item."""
    good, bad = read(HARDWARE), read(HARDWARE.replace("name: m1", "name: M_2"))
    batch = parse([("a.json", json.dumps({"apiVersion": "v1", "kind": "List", "items": [good, bad, 7]}))])
    assert set(batch.resources) == {Ref(Kind.HARDWARE, "default", "m1")}
    assert [fault[:2] for fault in faults(batch)] == [(1, "items[1].metadata.name"), (1, "items[2]")]
    assert faults(parse([("b.json", '{"kind": "List", "items": []}')])) == [(None, "", "no document in it")]


LIST = "apiVersion: tinkerbell.org/v1alpha1\nkind: HardwareList\n"


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (LIST, "items", "missing"),
        (f"{LIST}items: 5", "items", "expected a list, found 5"),
        ("kind: List\nitems: {a: b}", "items", "expected a list, found a mapping"),
        (f"{LIST}items: []", "", "no document in it"),
        (f"{LIST}items:", "", "no document in it"),  # as Go's programs write an empty list
        (f"{LIST}items: null", "", "no document in it"),
        (f"{LIST}items: [{{metadata: 7}}]", "items[0].metadata", "expected a mapping, found 7"),
        (
            f"kind: List\nitems: [{{apiVersion: {API_VERSION}, metadata: {{name: a}}}}]",
            "items[0].kind",
            "missing",
        ),
    ],
)
def test_a_list_that_is_none_is_told_as_that(text: str, path: str, message: str) -> None:
    """Not as an unknown kind of resource: its items are missing, or are no list."""
    assert [fault[1:] for fault in faults(parse([("a.yaml", text)]))] == [(path, message)]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_spec_of_nothing_is_an_empty_one(kind: Kind) -> None:
    """`spec:` with nothing behind it, as for kubectl; a workflow without a template is left out, as ever."""
    batch = parse([("a.yaml", f"apiVersion: {API_VERSION}\nkind: {kind}\nmetadata: {{name: a}}\nspec:\n")])
    empty = parse(
        [("a.yaml", f"apiVersion: {API_VERSION}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n")]
    )
    assert batch == empty


def test_unknown_hardware_fields_are_kept() -> None:
    """A CRD field that we don't read is stored as it is."""
    batch = parse([("a", HARDWARE)])
    assert batch.resources[Ref(Kind.HARDWARE, "default", "m1")].spec["bmcRef"] == {"name": "anything"}


def test_every_fault_is_told_with_its_place() -> None:
    """Bad YAML, unknown kinds, missing fields and bad addresses are told together, each with its document."""
    text = "\n---\n".join(
        [
            "a: [1,\n2",
            "apiVersion: v1\nkind: Hardware",
            HARDWARE.replace("52-54-00-12-34-56", "nonsense").replace("10.0.0.1", "10.0.0.300"),
            "apiVersion: tinkerbell.org/v1alpha1\nkind: Workflow\n"
            "metadata: {name: W}\nspec: {templateRef: x, hardwareRef: X}",
            "- just\n- a list",
            "apiVersion: tinkerbell.org/v1alpha1\nkind: Template\nmetadata: {name: t}\nspce: {}",
        ]
    )
    found = faults(parse([("all.yaml", text)]))
    places = {(document, path) for document, path, _ in found}
    assert places == {
        (1, ""),
        (2, "apiVersion"),
        (3, "spec.interfaces[0].dhcp.mac"),
        (3, "spec.interfaces[0].dhcp.ip.address"),
        (4, "metadata.name"),
        (4, "spec.hardwareRef"),
        (5, ""),
        (6, "spce"),
    }
    assert found[0][2].startswith("line 3")  # where the bracket is still missing


def test_lines_are_the_files_own() -> None:
    """An error in a later document tells its line in the file, not in the document."""
    (fault,) = parse([("f", f"{HARDWARE}---\nok: 1\nok: 2\n")]).faults
    assert fault.message.startswith("line 11, ")


def test_twice_the_same_resource_is_a_fault() -> None:
    """A name that two documents use is told with the place of both."""
    (fault,) = parse([("a", HARDWARE), ("b", HARDWARE)]).faults
    assert (fault.file, fault.path) == ("b", "metadata.name")
    assert "a, document 1" in fault.message


def test_a_key_twice_is_a_fault() -> None:
    """YAML that says a thing twice says nothing."""
    (fault,) = parse([("a", HARDWARE + "kind: Template\n")]).faults
    assert "occurs twice" in fault.message


def test_an_empty_file_is_a_fault() -> None:
    """Nothing to apply is a mistake worth telling."""
    assert faults(parse([("a", "# nothing\n")])) == [(None, "", "no document in it")]


def test_alias_bombs_end_early() -> None:
    """Aliases that unfold to millions of values are refused, not unfolded."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(UnreadableError, match="more than"):
        read("\n".join(lines))


def test_merge_bombs_end_early() -> None:
    """Mappings that are merged into each other again and again are refused, not unfolded."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, 12)]
    with pytest.raises(UnreadableError, match="more than"):
        read("\n".join(lines))


def test_an_alias_of_a_long_text_is_counted() -> None:
    """What unfolds to more text than a file may have is refused."""
    with pytest.raises(UnreadableError, match=r"more than .* characters"):
        read(f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100)}]")


@pytest.mark.parametrize(
    "text", ["---\n" * 1_000_000, "{}" * 1_000_000, "{}\n---\n" * 500_000, "%\n" * 1_000_000]
)
def test_a_million_documents_are_refused_at_once(text: str) -> None:
    """Four megabytes of the smallest documents take no minutes to refuse, and make one fault."""
    began = time.monotonic()
    assert len(parse([("f", text)]).faults) == 1
    assert time.monotonic() - began < 20  # on a busy host; the slowest takes 1


def test_merged_keys_give_way() -> None:
    """A mapping's own keys win over merged ones, and the first of several merged over the others."""
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\n"
    assert read_values(text)["c"] == {"x": 3, "y": 1, "z": 2}


@pytest.mark.parametrize("text", ['{"a":' * 30000, "[" * 30000, "- " * 2000, "&a [*a]", "a: &x {b: *x}"])
def test_depth_is_bounded(text: str) -> None:
    """What is nested without end is a fault of the document, in YAML and in JSON."""
    (fault,) = parse([("f", text)]).faults
    assert "too deep" in fault.message or "undefined alias" in fault.message or "recursive" in fault.message


TEMPLATE = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Template
metadata: {name: t}
spec: {data: x}
"""
HEAD = {"apiVersion": "tinkerbell.org/v1alpha1", "kind": "Template"}
JSON, OTHER_JSON = (
    json.dumps({**HEAD, "metadata": {"name": name}, "spec": {"data": "x"}}, indent="\t") for name in "jk"
)
FLOW = "{apiVersion: tinkerbell.org/v1alpha1, kind: Template, metadata: {name: f}, spec: {data: x}}"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"{JSON}\n---\n{HARDWARE}", {"j": 1, "m1": 2}),
        (f"{HARDWARE}---\n{JSON}", {"m1": 1, "j": 2}),
        (f"{JSON}\n{OTHER_JSON}\n", {"j": 1, "k": 2}),
        (f"--- {JSON}\n--- # more\n{HARDWARE}", {"j": 1, "m1": 2}),
        (f"{FLOW}\n---\n{HARDWARE}", {"f": 1, "m1": 2}),
        (f"%YAML 1.2\n---\n{HARDWARE}", {"m1": 1}),
        (f"# first\n%YAML 1.2\n# then\n---\n{HARDWARE}...\n%YAML 1.1\n---\n{TEMPLATE}", {"m1": 1, "t": 2}),
        (f"{HARDWARE}---\n{TEMPLATE}---\n".replace("\n", "\r\n"), {"m1": 1, "t": 2}),
        (f"\ufeff{HARDWARE}---\n{TEMPLATE}", {"m1": 1, "t": 2}),
        (f"---\nnull\n---\n{TEMPLATE}---\n~\n", {"t": 1}),
    ],
)
def test_files_as_kubernetes_takes_them(text: str, names: dict[str, int]) -> None:
    """JSON and YAML in one file, directives, Windows' line ends, a byte order mark: nothing is in the way."""
    batch = parse([("f", text)])
    assert faults(batch) == []
    assert {ref.name: batch.sources[ref].document for ref in batch.resources} == names


def test_json_faults_tell_the_files_line() -> None:
    """A second document's error in JSON has its line in the file, and a key twice is one, too."""
    found = parse([("f", f'{HARDWARE}---\n{{"a": 1,\n"b" 2}}\n---\n{{"a": 1, "a": 2}}')]).faults
    assert found[0].message.startswith("line 11, ")
    assert "occurs twice" in found[1].message


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text gives resources or faults, never an exception."""
    batch = parse([("any", text)])
    assert batch.resources or batch.faults
