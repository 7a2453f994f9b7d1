"""What unquoted scalars mean. The tables are what Go's own readers gave for the same texts."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from osie.core.storable import unstorable
from osie.tink.domain.resources import Kind, Ref
from osie.tink.domain.scalars import settle
from osie.tink.domain.template import ActionForm, TemplateForm
from osie.tink.files.documents import Dumper, read, read_values
from osie.tink.files.manifest import parse

TEMPLATE = """\
version: 0.1
name: 007
tasks:
  - name: yes
    worker: 52:54:00:12:34:56
    actions:
      - name: 1_000
        image: alpine
        {}
"""


def action(line: str) -> ActionForm:
    """The action of a rendered template with `line` in it."""
    form = TemplateForm.model_validate(settle(read(TEMPLATE.format(line)), TemplateForm))
    return form.tasks[0].actions[0]


@pytest.mark.parametrize(
    "written",
    [
        "0644",
        "0o644",
        "089",
        "00123",
        "1.10",
        "1.0",
        "1e3",
        "0x1F",
        "0b101",
        "1_000",
        "12:30",
        "52:54:00:12:34:56",
        "190:20:30.15",
        "yes",
        "on",
        "y",
        "True",
        "TRUE",
        "no",
        "off",
        "n",
        ".inf",
        "-.INF",
        ".nan",
        "+.5",
        "5.",
        "9223372036854775808",
        "12345678901234567890123",
        "2024-01-01",
        "=",
        "1.2.3",
    ],
)
def test_text_fields_of_a_template_keep_what_was_written(written: str) -> None:
    """In an environment, a command and its keys a scalar is its own text, whatever YAML 1.1 makes of it."""
    name = written if written != "=" else "B"  # no variable can be named so
    environment = action(f"environment: {{A: {written}, {name}: x}}").environment
    assert environment == {"A": written, name: "x"}
    assert action(f"command: [a, {written}]").command == ("a", written)


def test_every_text_field_keeps_what_was_written() -> None:
    """Versions, names, workers and namespaces, too."""
    form = TemplateForm.model_validate(
        settle(read(TEMPLATE.format("namespaces: {network: 1e3}")), TemplateForm)
    )
    (task,) = form.tasks
    (only,) = task.actions
    assert (form.version, form.name, task.name, task.worker) == ("0.1", "007", "yes", "52:54:00:12:34:56")
    assert (only.name, only.namespaces.network) == ("1_000", "1e3")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("null", ""),
        ("~", ""),
        ("", ""),
        ("'null'", "null"),
        ("'0644'", "0644"),
        ("!!str 5", "5"),
        ("!!int 0644", "0644"),
        ("!!binary aGk=", "hi"),
        ("!!timestamp 2024-01-01", "2024-01-01"),
        ("!mine bar", "bar"),
        ("<<", "<<"),
    ],
)
def test_nulls_and_tags(written: str, text: str) -> None:
    """A null is empty text; a tag of YAML's own, or of somebody else's, leaves a text field its text."""
    assert action(f"environment: {{A: {written}}}").environment == {"A": text}


def test_a_list_leaves_nulls_out() -> None:
    """As upstream's reader does."""
    assert action("command: [a, ~, 'null', null, b]").command == ("a", "null", "b")


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("30", 30),
        ("0644", 420),
        ("0o644", 420),
        ("089", 89),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("1e3", 1000),
        ("30.0", 30),
        ("+5", 5),
        ("null", 0),
        ("", 0),
    ],
)
def test_numbers_of_a_template(written: str, number: int) -> None:
    """A timeout is what yaml.v3 reads into an integer."""
    assert action(f"timeout: {written}").timeout == number


@pytest.mark.parametrize(
    "written", ["12:30", "true", "yes", "2024-01-01", "0x", "soon", ".inf", "1.5", "9" * 5000]
)
def test_no_numbers(written: str) -> None:
    """What yaml.v3 refuses is refused; and so are fractions, of which it drops a part without a word."""
    with pytest.raises(ValidationError):
        action(f"timeout: {written}")


@pytest.mark.parametrize("written", ["true", "True", "TRUE", "y", "yes", "on", "ON", '"yes"'])
def test_booleans_of_a_template(written: str) -> None:
    """YAML 1.1's words are booleans where a field is one."""
    assert action(f"reboot: {written}").reboot
    with pytest.raises(ValidationError):
        action("reboot: perhaps")


def test_keys_that_yaml_1_1_takes_for_the_same() -> None:
    """ON, true and 1.0 are three names."""
    environment = action("environment: {ON: a, true: b, 1.0: c, 1: d}").environment
    assert environment == {"ON": "a", "true": "b", "1.0": "c", "1": "d"}


RESOURCES = [
    ("yes", True),
    ("on", True),
    ("n", False),
    ("tRue", "tRue"),
    ("0644", 420),
    ("0o644", 420),
    ("089", 89),
    ("-017", -15),
    ("0x1F", 31),
    ("0xg", "0xg"),
    ("1_000", 1000),
    ("_1", "_1"),
    ("1.10", 1.1),
    ("1.0", 1),
    ("1e3", 1000),
    ("1e400", "1e400"),
    (".5", 0.5),
    ("12:30", "12:30"),
    ("52:54:00:12:34:56", "52:54:00:12:34:56"),
    ("190:20:30.15", "190:20:30.15"),
    ("18446744073709551615", 2**64 - 1),
    ("12345678901234567890123", 1.2345678901234568e22),
    ("9" * 5000, "9" * 5000),
    ("2024-01-01", "2024-01-01"),
    ("~", None),
    ('"yes"', "yes"),
    ("!!binary aGk=", "hi"),
    ("!!set {a}", {"a": None}),
    ("=", "="),
]


@pytest.mark.parametrize(("written", "value"), RESOURCES, ids=[written[:30] for written, _ in RESOURCES])
def test_untyped_fields_of_a_resource(written: str, value: Any) -> None:
    """Where a CRD field is anything, it is what Kubernetes' reader makes of it."""
    found = read_values(f"v: {written}")["v"]
    assert found == value
    assert type(found) is type(value)


RESOURCE = """\
apiVersion: tinkerbell.org/v1alpha1
kind: {}
metadata: {{name: x, labels: {{rack: 007, spare: yes}}}}
spec: {}
"""


def test_a_hardware_address_needs_no_quotes() -> None:
    """A MAC of decimal digits is text, and no number of base 60, wherever it stands."""
    files = [
        RESOURCE.format("Hardware", "{interfaces: [{dhcp: {mac: 52:54:00:12:34:56, vlan_id: 007}}]}"),
        RESOURCE.format(
            "Workflow",
            "{templateRef: t, hardwareRef: h, hardwareMap: {a: 52:54:00:12:34:56, b: 0644, c: on}}",
        ),
    ]
    batch = parse([(str(number), text) for number, text in enumerate(files)])
    assert not batch.faults
    hardware, workflow = (
        batch.resources[Ref(kind, "default", "x")] for kind in (Kind.HARDWARE, Kind.WORKFLOW)
    )
    assert hardware.spec["interfaces"][0]["dhcp"] == {"mac": "52:54:00:12:34:56", "vlan_id": "007"}
    assert hardware.labels == {"rack": "007", "spare": "yes"}
    assert workflow.spec["hardwareMap"] == {"a": "52:54:00:12:34:56", "b": "0644", "c": "on"}


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        (r'{metadata: {instance: {tags: [a, "\ud800"]}}}', "spec.metadata.instance.tags[1]", "surrogate"),
        (r'{userData: "a\0b"}', "spec.userData", "NUL"),
        (r'{metadata: {"a\0": 1}}', "spec.metadata.a\0", "the key has a NUL"),
        ("{metadata: {a: .nan}}", "spec.metadata.a", "not a finite number"),
        ("{metadata: {a: [-.inf]}}", "spec.metadata.a[0]", "not a finite number"),
    ],
)
def test_what_no_database_holds_is_told_with_its_path(spec: str, path: str, words: str) -> None:
    """Half a surrogate pair, NUL and numbers that aren't finite are faults at their own paths."""
    (fault,) = parse([("f", RESOURCE.format("Hardware", spec))]).faults
    assert fault.path == path
    assert words in fault.message


def test_json_says_the_same() -> None:
    """The faults are those of YAML where a resource is JSON."""
    text = (
        '{"apiVersion": "tinkerbell.org/v1alpha1", "kind": "Hardware", "metadata": {"name": "x"}, "spec": %s}'
    )
    (fault,) = parse([("f", text % r'{"userData": "\ud800"}')]).faults
    assert fault.path == "spec.userData"
    (fault,) = parse([("f", text % '{"metadata": {"a": NaN}}')]).faults
    assert "NaN is not a number" in fault.message
    batch = parse(
        [("f", text % r'{"userData": "\ud83d\ude00", "metadata": {"a": %s, "b": 1.5}}' % ("9" * 5000))]
    )
    assert not batch.faults
    (hardware,) = batch.resources.values()
    assert hardware.spec == {"userData": "\U0001f600", "metadata": {"a": "9" * 5000, "b": 1.5}}


# PyYAML itself loses a few line breaks of Unicode, and can't write what is not printable.
_TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n"))
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | _TEXTS
    | st.sampled_from([r[0] for r in RESOURCES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES)
def test_what_is_written_can_be_read(value: Any) -> None:
    """Dumper quotes whatever wouldn't be read as the text that it is."""
    if not unstorable(value):
        assert read_values(yaml.dump([value], Dumper=Dumper, allow_unicode=True)) == [value]
