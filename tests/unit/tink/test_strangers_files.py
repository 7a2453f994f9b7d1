"""Files that were written for upstream: taken as there, and what has no effect here is said."""

import asyncio
import json
from typing import Any

import pytest
import yaml

from osie.tink.domain.resources import Kind, Ref
from osie.tink.files.manifest import Batch, RefusedError, parse
from osie.tink.service import diffing
from osie.tink.service.diffing import Verdict

OURS = "tinkerbell.org/v1alpha1"
M1, T1, W1 = (Ref(kind, "default", name) for kind, name in zip(Kind, ("m1", "t1", "w1"), strict=True))
MAC = "52:54:00:12:34:56"


def document(kind: str, name: str, spec: Any = None, version: str = OURS) -> dict[str, Any]:
    """A resource as people write it."""
    head = {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
    return head if spec is None else {**head, "spec": spec}


def read(*documents: Any) -> Batch:
    """What the documents, written as one file of YAML, come to."""
    return parse([("f.yaml", yaml.safe_dump_all(documents))])


def told(batch: Batch) -> list[tuple[str, str]]:
    """(path, message) of each fault."""
    return [(fault.path, fault.message) for fault in batch.faults]


def template(*tasks: Any, **more: Any) -> dict[str, Any]:
    """The Template t1 that renders to these tasks."""
    return document("Template", "t1", {"data": yaml.safe_dump({"name": "t1", "tasks": tasks, **more})})


def task(**more: Any) -> dict[str, Any]:
    """A task with an action."""
    return {"name": "t", "worker": MAC, "actions": [{"name": "a", "image": "alpine"}], **more}


def validate(*documents: Any) -> Verdict:
    """The documents as `osie validate` sees them."""
    return asyncio.run(diffing.validate([("f.yaml", yaml.safe_dump_all(documents))]))


@pytest.mark.parametrize(
    "foreign",
    [
        document("Machine", "bmc", {}, "bmc.tinkerbell.org/v1alpha1"),
        document("Job", "j", {}, "bmc.tinkerbell.org/v1alpha1"),
        document("Task", "t", {}, "bmc.tinkerbell.org/v1alpha1"),
        document("WorkflowRuleSet", "r", {}),
        document("Secret", "s", None, "v1"),
        document("Namespace", "n", None, "v1"),
        document("ConfigMap", "c", None, "v1"),
        document("PodTemplate", "p", None, "v1"),
        document("Deployment", "d", None, "apps/v1"),
        document("Workflow", "argo", {}, "argoproj.io/v1alpha1"),
        {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"},
    ],
    ids=lambda foreign: foreign["kind"],
)
def test_other_kinds_are_left_out_and_said(foreign: dict[str, Any]) -> None:
    """A document of another program's kind keeps none of ours from being taken, and is named in a warning."""
    batch = read(document("Hardware", "m1"), foreign)
    assert (batch.faults, set(batch.resources)) == ([], {M1})
    (warning,) = batch.warnings()
    assert warning.startswith(foreign["kind"])
    assert "f.yaml, document 2" in warning and "left out" in warning


def test_nothing_but_other_kinds_is_an_error() -> None:
    """Where nothing is left to apply, that is said and not taken for success."""
    ((path, message),) = told(read(document("Secret", "s", None, "v1")))
    assert path == "" and "nothing else to apply: Secret s" in message


def test_many_of_a_kind_are_one_warning() -> None:
    """Three hundred Machines are one line with their number, not three hundred lines."""
    machines = [document("Machine", f"m{n}", {}, "bmc.tinkerbell.org/v1alpha1") for n in range(300)]
    (warning,) = read(document("Hardware", "m1"), *machines).warnings()
    assert "and 299 more" in warning


@pytest.mark.parametrize(
    ("kind", "version", "path", "words"),
    [
        ("Hardwear", OURS, "kind", "did you mean Hardware?"),
        ("Hardwear", "v1", "kind", "did you mean Hardware?"),
        ("workflow", OURS, "kind", "did you mean Workflow?"),
        ("Templates", OURS, "kind", "did you mean Template?"),
        ("Machine", OURS, "kind", "known: Hardware, Template, Workflow"),
        ("Hardware", "v1", "apiVersion", f"known: {OURS}"),
        ("Hardware", "tinkerbell.org/v1alpha2", "apiVersion", "not supported"),
        ("Policy", "tinkerbell.org/v1alpha2", "apiVersion", "not supported"),
        ("Hardware", "tinkerbel.org/v1alpha1", "apiVersion", f"known: {OURS}"),
        ("Workflow", "bmc.tinkerbell.org/v1alpha1", "apiVersion", f"known: {OURS}"),
    ],
)
def test_what_is_meant_to_be_ours_is_not_left_out(kind: str, version: str, path: str, words: str) -> None:
    """A misspelt kind or version of ours is an error that names the right one: it isn't someone else's."""
    faults = told(read(document("Hardware", "m1"), document(kind, "x", {}, version)))
    assert any(place == path and words in message for place, message in faults)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"apiVersion": OURS, "kind": "HardwareList", "items": [{"metadata": {"name": "m1"}}]}),
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [document("Hardware", "m1")]}),
        json.dumps({"items": [document("Hardware", "m1")]}),
        f"x-note: &n {{name: m1}}\napiVersion: {OURS}\nkind: Hardware\nmetadata: *n\n",
        f"apiVersion: {OURS}\nkind: Hardware\nmetadata: {{name: m1}}\nspec:\n  x-d: &d [a]\n",
    ],
    ids=["HardwareList", "List", "no kind", "x- beside spec", "x- in spec"],
)
def test_forms_that_kubectl_prints_and_people_write(text: str) -> None:
    """Lists of one kind, lists without a kind, and the operator's own `x-` keys are taken without a word."""
    batch = parse([("f", text)])
    assert (batch.faults, set(batch.resources), batch.warnings()) == ([], {M1}, [])


WITHOUT_EFFECT = [
    ("auto", {"enrollmentEnabled": True}, "spec.auto.enrollmentEnabled"),
    ("bmcRef", {"name": "b", "kind": "Machine"}, "spec.bmcRef"),
    ("references", {"lvm": {"resource": "lvms", "group": "example.org"}}, "spec.references.lvm"),
    ("interfaces", [{"isoboot": {"sourceISO": "http://x/y.iso"}}], "spec.interfaces[0].isoboot"),
    *(
        ("interfaces", [{"dhcp": {"mac": MAC, key: "x"}}], f"spec.interfaces[0].dhcp.{key}")
        for key in ("domain_name", "tftp_server_name", "boot_file_name")
    ),
    ("interfaces", [{"netboot": {"ipxe": {"binary": "x"}}}], "spec.interfaces[0].netboot.ipxe.binary"),
    ("interfaces", [{"netboot": {"pxelinux": {"config": "x"}}}], "spec.interfaces[0].netboot.pxelinux"),
    ("interfaces", [{"netboot": {"rpi": {"serialNum": "x"}}}], "spec.interfaces[0].netboot.rpi"),
]


@pytest.mark.parametrize(("key", "value", "path"), WITHOUT_EFFECT, ids=lambda value: str(value)[:40])
def test_a_field_of_hardware_without_effect_is_said(key: str, value: Any, path: str) -> None:
    """Each is accepted, and a warning has its path and what to do instead."""
    batch = read(document("Hardware", "m1", {key: value}))
    assert batch.faults == []
    (warning,) = batch.warnings()
    assert warning.startswith(f"Hardware default/m1: {path}: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bootMode", "netboot"),
        ("bootMode", "isoboot"),
        ("bootMode", "iso"),
        ("bootMode", "customboot"),
        ("isoURL", "http://x/y.iso"),
        ("custombootConfig", {"preparingActions": [{"powerAction": "off"}]}),
    ],
)
def test_a_boot_option_without_effect_is_said(key: str, value: Any) -> None:
    """Whoever asks for a boot by a BMC is told that none comes."""
    spec = {"templateRef": "t1", "hardwareRef": "m1", "bootOptions": {key: value}}
    batch = read(document("Workflow", "w1", spec))
    assert batch.faults == []
    assert [line.partition(": has")[0] for line in batch.warnings()] == [
        f"Workflow default/w1: spec.bootOptions.{key}"
    ]


@pytest.mark.parametrize("mode", ["nonsense", "off", "Netboot", 7])
def test_an_unknown_boot_mode_is_refused(mode: Any) -> None:
    """As by upstream's enumeration (workflow.go)."""
    spec = {"templateRef": "t1", "bootOptions": {"bootMode": mode}}
    ((path, message),) = told(read(document("Workflow", "w1", spec)))
    assert path == "spec.bootOptions.bootMode" and "'customboot'" in message


def test_what_wishes_nothing_is_silent() -> None:
    """Empty and false fields, and those with which upstream does nothing either, give no warning."""
    dhcp = {"mac": MAC, "arch": "x86_64", "uefi": True, "iface_name": "e", "domain_name": ""}
    spec = {
        "auto": {"enrollmentEnabled": False},
        "resources": {"cpu": "1"},
        "tinkVersion": 1,
        "metadata": {"instance": {"id": "1", "hostname": "m1"}, "rack": 7},
        "interfaces": [{"dhcp": dhcp, "netboot": {"allowPXE": True, "ipxe": {"binary": ""}}}],
        "references": {"me": {"group": "tinkerbell.org", "version": "v1alpha1", "resource": "hardware",
                              "name": "m1", "namespace": "default"}},
    }  # fmt: skip
    assert read(document("Hardware", "m1", spec)).warnings() == []


@pytest.mark.parametrize(
    ("kind", "spec", "path", "near"),
    [
        ("Hardware", {"interface": []}, "spec.interface", "interfaces"),
        ("Hardware", {"disk": []}, "spec.disk", "disks"),
        ("Hardware", {"interfaces": [{"netboot": {"allowPxe": True}}]}, "spec.interfaces[0].netboot.allowPxe",
         "allowPXE"),
        ("Hardware", {"interfaces": [{"dhcp": {"mac": MAC, "ip": {"adress": "x"}}}]},
         "spec.interfaces[0].dhcp.ip.adress", "address"),
        ("Workflow", {"templateRef": "t", "bootOption": {}}, "spec.bootOption", "bootOptions"),
        ("Workflow", {"templateRef": "t", "hardwaremap": {}}, "spec.hardwaremap", "hardwareMap"),
        ("Workflow", {"templateref": "t"}, "spec.templateref", "templateRef"),
        ("Template", {"dat": "x"}, "spec.dat", "data"),
    ],
)  # fmt: skip
def test_a_misspelt_key_is_refused(kind: str, spec: Any, path: str, near: str) -> None:
    """A key that looks like one which is read is an error with that one's name."""
    assert (path, f"unknown key: did you mean {near!r}?") in told(read(document(kind, "x", spec)))


def test_misspelt_keys_of_the_heading_are_refused() -> None:
    """A label that isn't one is told as well; what Kubernetes adds to metadata is fine."""
    head = {"name": "m1", "label": {"a": "b"}, "uid": "1", "managedFields": [{"manager": "kubectl"}]}
    faults = told(read({"apiVersion": OURS, "kind": "Hardware", "metadata": head}))
    assert faults == [("metadata.label", "unknown key: did you mean 'labels'?")]


def test_an_unknown_key_is_said() -> None:
    """A key like none of ours is kept and warned of, with the word for the same thing where there is one."""
    spec = {"colour": "red", "metadata": {"instance": {"host_name": "m1"}},
            "interfaces": [{"dhcp": {"mac": MAC, "dns": ["1.1.1.1"]}}]}  # fmt: skip
    batch = read(document("Hardware", "m1", spec))
    assert batch.resources[M1].spec == spec
    assert batch.warnings() == [
        "Hardware default/m1: spec.colour: unknown key, and without effect",
        "Hardware default/m1: spec.interfaces[0].dhcp.dns: unknown key, and without effect: did you mean"
        " 'name_servers'?",
        "Hardware default/m1: spec.metadata.instance.host_name: unknown key, and without effect: did you mean"
        " 'hostname'?",
    ]


def test_a_workflow_without_a_template_is_left_out() -> None:
    """Upstream takes it and never runs it (processWorkflow finds no template): the others are applied."""
    batch = read(document("Hardware", "m1"), document("Workflow", "w1", {"bootOptions": {}}))
    assert set(batch.resources) == {M1}
    assert "left out: it names no template" in batch.warnings()[0]


def test_a_rendered_document_as_upstream_reads_it() -> None:
    """Tasks without actions, keys that nobody reads and a second document are borne, and each is said.

    yaml.v3 reads the first document and ignores what it has no field for; isTaskSuccessful in tink/server
    takes a task without actions for done.
    """
    made = template(
        {"name": "none"},
        task(actions=[{"name": "a", "image": "alpine", "args": ["x"]}], **{"x-a": 1}),
        colour="red",
    )
    made["spec"]["data"] += "---\nanother: document\n"
    verdict = validate(
        made,
        document("Hardware", "m1", {"userData": "#cloud-config", "interfaces": [{"dhcp": {"mac": MAC}}]}),
        document("Workflow", "w1", {"templateRef": "t1", "hardwareRef": "m1"}),
        document("Template", "empty", {"data": ""}),
    )
    assert [len(each.actions) for each in verdict.drafts[W1].tasks] == [0, 1]
    assert verdict.notes == [
        "Template default/t1: spec.data: only the first document is read: what stands behind `---` has no"
        " effect",
        "Template default/t1: spec.data: tasks[0]: no actions: none is done at once",
        "Template default/t1: spec.data: colour: unknown key, and without effect",
        "Template default/t1: spec.data: tasks[1].actions[0].args: unknown key, and without effect: did you"
        " mean 'command'?",
        "Template default/empty: spec.data: empty: no workflow can be made of it",
        "Workflow default/w1: Hardware default/m1, spec.userData reaches nobody: nothing serves it to the"
        " installed system, and the template doesn't name it; write it with the action writefile",
    ]


def test_mistakes_in_a_rendered_document_are_told_together() -> None:
    """A misspelt key beside an image that no engine takes, and a workflow in which there is nothing to do."""
    wrong = task(actions=[{"name": "a", "imgae": "x", "image": "quay.io/Tools/A"}])
    nothing = document("Template", "idle", {"data": "name: idle\ntasks: [{name: t, worker: w}]"})
    with pytest.raises(RefusedError) as caught:
        validate(template(wrong), nothing, document("Workflow", "w1", {"templateRef": "idle"}))
    assert [fault.path for fault in caught.value.faults] == [
        "spec.data.tasks[0].actions[0].imgae",
        "spec.data.tasks[0].actions[0].image",
        "spec.templateRef",
    ]
    assert "there is nothing to run" in caught.value.faults[2].message


def reference(resource: str, name: str, **more: str) -> dict[str, str]:
    """What a Hardware's references hold."""
    return {"group": "tinkerbell.org", "version": "v1alpha1", "resource": resource, "name": name, **more}


def test_references_of_our_kinds_are_what_templates_see() -> None:
    """A Hardware, also itself, and a Template by reference; upper case is borne, as upstream bears it."""
    spec = {
        "userData": "u",
        "interfaces": [{"dhcp": {"mac": MAC}}],
        "references": {"me": reference("Hardware", "m1"), "t": reference("templates", "t1")},
    }
    data = (
        'name: t\ntasks: [{name: t, worker: "{{ .references.me.spec.userData }}", actions: [{name:'
        ' "{{ .references.t.metadata.name }}", image: a}]}]'
    )
    verdict = validate(
        document("Hardware", "m1", spec),
        document("Template", "t1", {"data": data}),
        document("Workflow", "w1", {"templateRef": "t1", "hardwareRef": "m1"}),
    )
    (made,) = verdict.drafts[W1].tasks
    assert (made.worker, made.actions[0].name, verdict.notes) == ("u", "t1", [])


@pytest.mark.parametrize(("name", "rendered"), [("a", True), ("{{ .references.o.metadata.name }}", False)])
def test_a_reference_that_was_not_looked_up_leaves_the_rest_checked(name: str, rendered: bool) -> None:
    """With no server, a reference to what isn't in the files is said. What doesn't name it is rendered."""
    data = f'name: t\ntasks: [{{name: t, worker: "{MAC}", actions: [{{name: "{name}", image: a}}]}}]'
    verdict = validate(
        document("Hardware", "m1", {"references": {"o": reference("hardware", "other")}}),
        document("Template", "t1", {"data": data}),
        document("Workflow", "w1", {"templateRef": "t1", "hardwareRef": "m1"}),
    )
    assert list(verdict.drafts) == ([W1] if rendered else [])
    assert "spec.references.o: Hardware default/other is not in these files" in verdict.notes[0]
