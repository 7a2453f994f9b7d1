"""The rendered document: strict, and as lenient as upstream where upstream's templates count on it."""

from typing import Any

import pytest
from pydantic import ValidationError

from osie.tink.domain.hardware import HardwareSpec
from osie.tink.domain.resources import Kind, Ref, WorkflowSpec
from osie.tink.domain.template import TemplateForm
from osie.tink.files.drafting import draft
from osie.tink.files.manifest import explain

MAC = "52:54:00:12:34:56"


def document(**action: Any) -> dict[str, Any]:
    """A document with one action, changed as said."""
    actions = [{"name": "a", "image": "i", **action}]
    return {"version": "0.1", "name": "t", "tasks": [{"name": "t", "worker": MAC, "actions": actions}]}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"timeout": -1}, "tasks[0].actions[0].timeout", "expected 0 or more, found -1"),
        ({"name": ""}, "tasks[0].actions[0].name", "is empty"),
        ({"name": "x" * 200}, "tasks[0].actions[0].name", "expected at most 199 characters"),
        ({"volumes": ["nonsense"]}, "tasks[0].actions[0].volumes[0]", "SOURCE:TARGET"),
        ({"volumes": ["relative/y:/x"]}, "tasks[0].actions[0].volumes[0]", "nor a volume's name"),
        ({"volumes": ["a:/x"]}, "tasks[0].actions[0].volumes[0]", "nor a volume's name"),
        ({"volumes": ["~/a:/x"]}, "tasks[0].actions[0].volumes[0]", "nor a volume's name"),
        ({"volumes": ["/a:b"]}, "tasks[0].actions[0].volumes[0]", "'b' is no absolute path"),
        ({"volumes": ["/a:ro"]}, "tasks[0].actions[0].volumes[0]", "'ro' is no absolute path"),
        ({"volumes": ["/a:/"]}, "tasks[0].actions[0].volumes[0]", "the container's root"),
        ({"volumes": ["/a://.."]}, "tasks[0].actions[0].volumes[0]", "the container's root"),
        ({"volumes": ["/a:/b:nonsense"]}, "tasks[0].actions[0].volumes[0]", "unknown option 'nonsense'"),
        ({"volumes": ["/a:/b:rw,ro"]}, "tasks[0].actions[0].volumes[0]", "rw and ro exclude each other"),
        ({"volumes": ["/a:/b", "/c:/b/"]}, "tasks[0]", "volumes '/a:/b' and '/c:/b/' of action 'a' have"),
        ({"pid": "nonsense"}, "tasks[0].actions[0].pid", "'nonsense' is no PID namespace"),
        ({"pid": "container:"}, "tasks[0].actions[0].pid", "is no PID namespace"),
        ({"namespaces": {"pid": "bar baz"}}, "tasks[0].actions[0].namespaces.pid", "is no PID namespace"),
        ({"namespaces": {"network": "a b"}}, "tasks[0].actions[0].namespaces.network", "'a b' is no network"),
        (
            {"environment": {"A=B": "c"}},
            "tasks[0].actions[0].environment",
            "'A=B' can't be a variable's name",
        ),
        ({"environment": {"A B": "c"}}, "tasks[0].actions[0].environment", "'A B' can't be"),
        ({"environment": {"": "c"}}, "tasks[0].actions[0].environment", "'' can't be"),
        ({"environment": {"A": [1]}}, "tasks[0].actions[0].environment.A", "expected text, found a list"),
        ({"image": "a b"}, "tasks[0].actions[0].image", "is not a repository"),
        ({"image": "quay.io/Tools/a"}, "tasks[0].actions[0].image", "lower-case"),
        ({"image": "https://quay.io/a"}, "tasks[0].actions[0].image", "does not belong"),
        ({"image": "a@sha256:12"}, "tasks[0].actions[0].image", "is not a digest"),
        ({"retries": 101}, "tasks[0].actions[0].retries", "expected 100 or less, found 101"),
        (
            {"retry-backoff": "soon"},
            "tasks[0].actions[0].retry-backoff",
            "expected a whole number, found 'soon'",
        ),
        ({"timeout": 2**31}, "tasks[0].actions[0].timeout", "expected less than 2147483648"),
        ({"image": ""}, "tasks[0].actions[0].image", "is empty"),
        ({"command": "foo"}, "tasks[0].actions[0].command", "expected a list, found 'foo'"),
        ({"environment": ["A=B"]}, "tasks[0].actions[0].environment", "expected a mapping, found a list"),
        ({"reboot": "maybe"}, "tasks[0].actions[0].reboot", "expected true or false, found 'maybe'"),
        ({"if": "{{ .x }}"}, "tasks[0].actions[0].if", "without braces"),
    ],
)
def test_mistakes_are_told_with_their_path(changes: dict[str, Any], path: str, words: str) -> None:
    """Each mistake in an action is an error at its own path."""
    with pytest.raises(ValidationError) as caught:
        TemplateForm.model_validate(document(**changes))
    ((place, message),) = explain(caught.value)
    assert place == path
    assert words in message


@pytest.mark.parametrize(
    "fit",
    [
        {"volumes": ["/dev:/dev", "/dev/console:/dev/console", "/lib/firmware:/lib/firmware:ro"]},
        {"volumes": ["/run:/run:rw,rshared", "cache:/var/cache:nocopy,z", "/:/host:ro,rslave", "/a:/b:"]},
        {"volumes": ["/dev:/dev", "/dev:/dev"]},  # of task and action: taken once
        {"pid": "host", "namespaces": {"network": "host", "pid": None}},
        {
            "pid": "container:tink-worker",
            "namespaces": {"network": "container:tink-worker", "pid": "private"},
        },
        {"environment": {"DEST_DISK": "/dev/sda", "http_proxy": "http://p", "a.b-c": "=", "UML\u00c4UT": ""}},
    ],
)
def test_what_an_engine_takes_is_taken(fit: dict[str, Any]) -> None:
    """Volumes, namespaces and variables as upstream's files have them, and in words of Docker and Podman."""
    TemplateForm.model_validate(document(**fit))


def test_duplicate_names_are_refused() -> None:
    """Two actions of a task, or two tasks, may not share a name."""
    value = document()
    value["tasks"][0]["actions"] *= 2
    value["tasks"].append({**value["tasks"][0], "actions": value["tasks"][0]["actions"][:1]})
    with pytest.raises(ValidationError, match="duplicate action names: a"):
        TemplateForm.model_validate(value)
    value["tasks"][0]["actions"].pop()
    with pytest.raises(ValidationError, match="duplicate task names: t"):
        TemplateForm.model_validate(value)


def test_scalars_become_text_as_upstream_does_it() -> None:
    """Unquoted booleans and numbers in an environment are text, spelled as Kubernetes' reader spells them."""
    form = TemplateForm.model_validate(document(environment={"COMPRESSED": True, "UID": 0, "EMPTY": None}))
    assert form.tasks[0].actions[0].environment == {"COMPRESSED": "true", "UID": "0", "EMPTY": ""}


def test_drafting_merges_what_the_task_gives() -> None:
    """The task's volumes come first, the action's environment wins, the machine's ids are all known."""
    value = document(environment={"A": "action"}, volumes=["/b:/b"], **{"on-failure": ["x"]}, reboot=True)
    value["tasks"][0] |= {"environment": {"A": "task", "B": "task"}, "volumes": ["/a:/a"]}
    hardware = HardwareSpec.model_validate(
        {"agentID": "rack-7", "interfaces": [{"dhcp": {"mac": MAC.upper()}}]}
    )
    spec = WorkflowSpec(templateRef="t", hardwareRef="h")
    made = draft(Ref(Kind.WORKFLOW, "default", "w"), spec, hardware, TemplateForm.model_validate(value))
    (task,) = made.tasks
    (action,) = task.actions
    assert set(task.agents) == {"rack-7", MAC}
    assert action.volumes == ("/a:/a", "/b:/b")
    assert set(action.environment) == {"A=action", "B=task"}
    assert action.reboot


@pytest.mark.parametrize(
    ("image", "reboots"), [("quay.io/tinkerbell/actions/kexec:latest", True), ("a", False)]
)
def test_a_kexec_counts_as_a_reboot(image: str, reboots: bool) -> None:
    """Nobody needs to say `reboot: true` of what takes the machine down by its very name."""
    form = TemplateForm.model_validate(document(image=image))
    spec = WorkflowSpec(templateRef="t", hardwareRef="h")
    made = draft(Ref(Kind.WORKFLOW, "default", "w"), spec, HardwareSpec(), form)
    assert made.tasks[0].actions[0].reboot is reboots
