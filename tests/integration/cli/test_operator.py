"""The operator's commands against a real server of the API, as processes: what a person sees."""

import asyncio
import json
import re
import time
from datetime import datetime

import pytest
import yaml
from operator_api import FILES, MAC, Operator

from osie.tink.domain.workflow import ActionState


async def test_files_are_validated_rendered_and_compared_before_they_are_applied(operator: Operator) -> None:
    """validate and render -f need no server; diff exits with 1 until all is applied, and changes nothing."""
    status, told = await operator.osie("validate", "-f", "files.yaml")
    assert (status, "workflow/w1 is valid (rendered)" in told) == (0, True), told
    status, told = await operator.osie("render", "-f", "files.yaml", "-o", "yaml")
    offline = yaml.safe_load(told)["tasks"][0]
    assert (status, offline["actions"][0]["image"]) == (0, "quay.io/actions/image2disk")
    status, told = await operator.osie("diff", "-f", "files.yaml")
    assert (status, told.count("--- /dev/null")) == (1, 3), told
    status, told = await operator.osie("apply", "-f", "files.yaml")
    assert (status, told.count("created")) == (0, 3), told
    assert await operator.osie("diff", "-f", "files.yaml") == (0, "")
    status, told = await operator.osie("diff", "-f", "-", text=FILES.replace('rack: "7"', 'rack: "8"'))
    assert status == 1
    assert "-    rack: '7'\n+    rack: '8'\n" in told
    rendered = yaml.safe_load((await operator.osie("render", "w1"))[1])["tasks"][0]["actions"][0]
    assert rendered["image"] == "10.0.0.1:5000/actions/image2disk"
    assert rendered["rewrittenFrom"] == "quay.io/actions/image2disk"


STRANGE = """\
---
apiVersion: v1
kind: Secret
metadata: {name: bmc-password, namespace: lab}
---
apiVersion: bmc.tinkerbell.org/v1alpha1
kind: Machine
metadata: {name: bmc-1, namespace: lab}
"""


async def test_what_has_no_effect_is_said_by_each_command_alike(operator: Operator) -> None:
    """validate, diff and apply leave out other kinds, take the rest, and name what does nothing.

    A second apply and diff, which change nothing, say the same.
    """
    text = FILES.replace("kind: Hardware\n", "kind: Hardware\nx-note: mine\n") + STRANGE
    text = text.replace("hardwareRef: m1", "hardwareRef: m1, bootOptions: {bootMode: iso}")
    text = text.replace("    tasks:\n", "    colour: red\n    tasks:\n")
    for word, status in (("validate", 0), ("diff", 1), ("apply", 0), ("apply", 0), ("diff", 0)):
        got, told = await operator.osie(word, "-f", "-", text=text)
        notes = sorted(line for line in told.splitlines() if line.startswith("note: "))
        assert (got, [note.split(": ")[1] for note in notes]) == (
            status,
            [
                "Machine lab/bmc-1 (standard input, document 5)",
                "Secret lab/bmc-password (standard input, document 4)",
                "Template default/install",
                "Workflow default/w1",
            ],
        ), told
    assert (await operator.osie("get", "hardware"))[0] == 0


async def test_a_name_that_is_not_there_is_told_with_what_is(operator: Operator) -> None:
    """In another namespace, or with another spelling; render -f finds the workflow in whichever it is."""
    lab = FILES
    for name in ("m1", "install", "w1"):
        lab = lab.replace(f"{{name: {name}", f"{{namespace: lab, name: {name}")
    status, told = await operator.osie("render", "-f", "-", text=lab)
    assert status == 0 and "image2disk" in told, told
    assert (await operator.osie("apply", "-f", "-", text=lab))[0] == 0
    for words in (("get", "hardware", "m1"), ("delete", "hardware", "m1"), ("workflow", "explain", "w1")):
        status, told = await operator.osie(*words)
        assert status == 1 and "default/" in told and "; there is one in namespace lab" in told, told
    status, told = await operator.osie("get", "templates", "instal", "-n", "lab")
    assert "there is no Template lab/instal; did you mean 'install'?" in told
    mine = lab.replace("templateRef: install", "templateRef: instal")
    mine = mine[mine.index("kind: Workflow") - len("apiVersion: tinkerbell.org/v1alpha1\n") :]
    status, told = await operator.osie("apply", "-f", "-", text=mine.replace("name: w1", "name: w2"))
    assert status == 1 and "there is no Template lab/instal; did you mean 'install'?" in told, told


async def test_bad_files_are_told_all_at_once(operator: Operator) -> None:
    """Offline as well as by the server: each fault with file, document and path; exit status 1, 2 of diff."""
    bad = FILES.replace("retries: 1", "retires: 1").replace("hardwareRef: m1", "hardwareRef: M_1")
    for command, expected in (("validate", 1), ("apply", 1), ("diff", 2)):
        status, told = await operator.osie(command, "-f", "-", text=bad)
        assert status == expected, told
        assert "standard input, document 2" in told, told
        assert "did you mean 'retries'?" in told, told
        assert "spec.hardwareRef" in told, told
        assert "Traceback" not in told, told


async def test_a_failure_is_seen_explained_and_retried(operator: Operator) -> None:
    """get, watch, explain and logs tell the same story; cancel, retry and run-again are on record."""
    await operator.osie("apply", "-f", "files.yaml")
    await operator.end(ActionState.FAILED, "exit code 3")
    began = json.loads((await operator.osie("get", "workflow", "w1", "-o", "json"))[1])["status"]
    assert re.fullmatch(MOMENT, began["executionStart"]) and began["executionStop"] is None
    assert re.fullmatch(MOMENT, began["tasks"][0]["actions"][0]["notBefore"])
    status, table = await operator.osie("get", "workflows", "--state", "RUNNING", "--hardware", "m1")
    assert (status, table.split("\n")[1].split()[:6]) == (
        0, ["w1", "m1", "install", "RUNNING", "write", "2/2"]
    ), table  # fmt: skip
    await operator.end(ActionState.FAILED, "exit code 4")
    status, told = await operator.osie("workflow", "watch", "w1")
    assert status == 1
    assert "attempt 2 of 2" in told, told
    _, told = await operator.osie("workflow", "explain", "w1")
    for part in ("exit code 4", "this is write", "`osie workflow run-again w1`"):
        assert part in told, told
    assert (await operator.osie("workflow", "logs", "w1", "--action", "write"))[1].count("this is write") == 2
    assert "it has write, restart" in (await operator.osie("workflow", "logs", "w1", "--action", "x"))[1]
    assert await operator.osie("workflow", "retry", "w1") == (
        0, "workflow/w1 is PENDING, begins with action write\n"
    )  # fmt: skip
    assert (await operator.osie("workflow", "cancel", "w1", "--why", "wrong disk"))[0] == 0
    status, told = await operator.osie("workflow", "cancel", "w1")
    assert (status, "FAILED already" in told) == (1, True), told
    assert "wrong disk" in (await operator.osie("workflow", "explain", "w1"))[1]
    assert (await operator.osie("workflow", "run-again", "w1"))[0] == 0
    for _ in range(2):
        await operator.end(ActionState.SUCCESS)
    assert (await operator.osie("workflow", "watch", "w1"))[0] == 0
    assert (await operator.osie("get", "workflows", "--state", "FAILED"))[1] == "no workflows found\n"


async def test_what_the_server_refuses_of_a_spreadsheet_is_told_by_line(operator: Operator) -> None:
    """An address that another Hardware has: the file and its line, and nothing is imported."""
    await operator.osie("apply", "-f", "files.yaml")
    text = f"hostname,mac\nm2,52:54:00:00:00:02\nm3,{MAC}\n"
    status, told = await operator.osie("hardware", "import", "-", text=text)
    (refused,) = told.splitlines()[1:]
    assert (status, refused.partition(": ")[0]) == (1, "  standard input, line 3")
    assert refused.endswith(f"{MAC} belongs to Hardware default/m1 already")
    assert (await operator.osie("get", "hardware", "m2"))[0] == 1


async def test_options_that_select_nothing_are_refused(operator: Operator) -> None:
    """An option of another list, a selector in no syntax: one line says what would do."""
    status, told = await operator.osie("get", "hardware", "--known")
    assert (status, "--known is of machines" in told) == (2, True), told
    status, told = await operator.osie("get", "hardware", "-l", "a in (b)")
    assert (status, "expected KEY=VALUE" in told) == (1, True), told


MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.mark.parametrize("output", ["yaml", "json"])
async def test_what_get_prints_can_be_applied_again(operator: Operator, output: str) -> None:
    """One of a kind or all of them, in YAML and in JSON: unchanged where they are, made anew where not.

    Times are as a person reads them, and as kubectl prints them.
    """
    second = FILES.replace("m1", "m2").replace("00:00:01", "00:00:02").replace("w1", "w2").split("---")
    await operator.osie("apply", "-f", "-", text="---\n".join([FILES, second[0], second[2]]))
    printed = {}
    for kind, names in (("hardware", ["m1", "m2"]), ("template", ["install"]), ("workflow", ["w1", "w2"])):
        _, one = await operator.osie("get", kind, names[0], "-o", output)
        created = yaml.safe_load(one)["metadata"]["createdAt"]  # text in both: quoted in YAML
        assert (
            re.fullmatch(MOMENT, created)
            and abs(datetime.fromisoformat(created).timestamp() - time.time()) < 600
        )
        told = f"{kind}/{names[0]} unchanged\n"
        assert await operator.osie("apply", "-f", "-", text=one) == (0, told), one
        _, printed[kind] = await operator.osie("get", kind, "-o", output)
        told = "".join(f"{kind}/{name} unchanged\n" for name in names)
        assert await operator.osie("apply", "-f", "-", text=printed[kind]) == (0, told), printed[kind]
    for kind, name in (("workflow", "w1"), ("workflow", "w2"), ("hardware", "m1"), ("hardware", "m2")):
        await operator.osie("delete", kind, name)
    assert (await operator.osie("get", "hardware", "-o", output))[0] == 0
    status, told = await operator.osie("apply", "-f", "-", text=printed["hardware"])
    assert (status, told) == (0, "hardware/m1 created\nhardware/m2 created\n")


async def test_a_name_means_only_itself(operator: Operator) -> None:
    """Whatever is in it, a name is no other resource's, and nothing of a URL: nothing is shown or deleted."""
    await operator.osie("apply", "-f", "files.yaml")
    await operator.osie("delete", "workflow", "w1")
    by_commands = [
        ("get", "hardware"), ("render",), ("workflow", "logs"), ("workflow", "logs", "-f"),
        ("workflow", "watch"), ("workflow", "explain"), ("workflow", "cancel"),
    ]  # fmt: skip
    names = ["m1?force=true", "m1/", "../hardware/m1", "..", "", "m%31", "m1\udcff"]
    for command in (
        *((*command, "m1#x") for command in by_commands),
        *(("delete", "hardware", name) for name in ("m1#x", *names)),
    ):
        status, told = await operator.osie(*command)
        assert (status, told.count("\n")) == (1, 1), told
        assert "there is no" in told or "can't be a name" in told
    assert "can't be a name" in (await operator.osie("get", "workflows", "../hardware/m1"))[1]
    assert (await operator.osie("get", "hardware", "m1"))[0] == 0


async def test_input_that_is_no_text_is_one_clear_line(operator: Operator) -> None:
    """Bytes that are no UTF-8, a folder where a file is read: what and where, exit status 1."""
    (operator.folder / "two").mkdir()
    for name in ("a.yaml", "b.yaml"):
        (operator.folder / "two" / name).write_text(FILES)
    for command, text, expected in (
        (("apply", "-f", "-"), b"a: b\nc: \xff", "standard input, line 2: not UTF-8 text (byte 0xff,"),
        (("diff", "-f", "-"), b"\xff", "standard input, line 1: not UTF-8"),
        (("hardware", "import", "-"), b"hostname\xe9,mac", "standard input, line 1: not UTF-8"),
        (("hardware", "import", "two"), b"", "two: Is a directory"),
        (("apply", "-f", "none.yaml"), b"", "none.yaml: No such file or directory"),
        (("apply", "-f", "x" * 300), b"", "File name too long"),
    ):
        status, told = await operator.osie(*command, text=text)
        assert (status, told.count("\n"), expected in told) == (1 + (command[0] == "diff"), 1, True), told


async def test_names_are_completed_from_their_namespace(operator: Operator) -> None:
    """Those of -n; without it an argument's are the default ones, an option's all; so are -n and --action."""
    await operator.osie("apply", "-f", "files.yaml")
    lab = FILES.replace("{name: m1,", "{name: m2, namespace: lab,").replace("00:00:01", "00:00:02")
    lab = lab.replace("{name: install}", "{name: install, namespace: lab}").replace(
        "hardwareRef: m1", "hardwareRef: m2"
    )
    await operator.osie("apply", "-f", "-", text=lab.replace("{name: w1}", "{name: w2, namespace: lab}"))
    for words, names in (
        (("workflow", "logs", ""), ["w1"]),
        (("workflow", "logs", "-n", "lab", ""), ["w2"]),
        (("workflow", "logs", "--namespace=lab", "w1"), []),
        (("render", "-n", "lab", "w"), ["w2"]),
        (("delete", "-n", "lab", "hardware", ""), ["m2"]),
        (("get", "hardware", ""), ["m1"]),
        (("get", "-n", "lab", "hardware", ""), ["m2"]),
        (("get", "workflows", "--hardware", ""), ["m1", "m2"]),
        (("get", "workflows", "-n", "lab", "--hardware", ""), ["m2"]),
        (("get", "-n", "lab", "machines", ""), [MAC, "52:54:00:00:00:02"]),
        (("get", "hardware", "-n", ""), ["default", "lab"]),
        (("delete", "template", "-n", "l"), ["lab"]),
        (("workflow", "cancel", "w1", "--namespace", ""), ["default", "lab"]),
        (("render", "-n", "x"), []),
        (("workflow", "logs", "w1", "--action", ""), ["write", "restart"]),
        (("workflow", "retry", "w2", "-n", "lab", "--action", "wr"), ["write"]),
        (("workflow", "retry", "w2", "--action", ""), []),
        (("workflow", "logs", "--action", ""), []),
    ):
        async with asyncio.timeout(120):
            # Nothing is offered where the server doesn't answer within a second, as on a busy host.
            while (offered := await operator.completed(*words)) != names and not offered:
                pass
        assert offered == names, words
