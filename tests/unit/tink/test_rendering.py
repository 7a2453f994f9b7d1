"""Go templates: what upstream's need, and what none may do."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from osie.tink.domain.resources import Kind, Ref, Resource
from osie.tink.files.conditions import Verdict, evaluate
from osie.tink.files.render_child import Job, Rendered, render_all
from osie.tink.files.rendering import TemplateFaultError, render
from osie.tink.files.template_data import data
from osie.tink.service import diffing

SPEC: dict[str, Any] = {
    "disks": [{"device": "/dev/nvme0n1"}],
    "metadata": {
        "bonding_mode": 5,
        "instance": {
            "hostname": "m1",
            "operating_system": {"os_slug": "debian_13"},
            "ipxe_script_url": "http://a/b",
            "storage": {
                "raid": [{"name": "md0"}],
                "disks": [{"partitions": [{"label": "ROOT", "type_guid": "8300"}]}],
                "filesystems": [{"mount": {"files": [{"path": "/a", "uid": 7}]}}],
            },
        },
    },
    "interfaces": [
        {
            "dhcp": {
                "mac": "52:54:00:12:34:56",
                "tftp_server_name": "tftp",
                "ip": {"address": "10.0.0.2", "netmask": "255.255.255.0"},
            },
            "netboot": {"rpi": {"serialNum": "123"}},
        }
    ],
    "bmcRef": {"name": "bmc"},
}
MACHINE = Resource(Ref(Kind.HARDWARE, "default", "m1"), SPEC, {"rack": "7"}, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ .device_1 }}", "a-mac"),
        ("{{ index .Hardware.Disks 0 }}", "/dev/nvme0n1"),
        ("{{ formatPartition (index .Hardware.Disks 0) 2 }}", "/dev/nvme0n1p2"),
        ('{{ formatPartition "/dev/sda" (int .number) }}', "/dev/sda3"),
        ('{{ formatPartition "/dev/disk/by-id/x" 1 }}', "/dev/disk/by-id/x-part1"),
        ('{{ netmaskToPrefixLength "255.255.252.0" }}', "22"),
        ("{{ (index .Hardware.Interfaces 0).DHCP.IP.Address }}", "10.0.0.2"),
        ("{{ (index .Hardware.Interfaces 0).DHCP.VLANID }}", ""),
        ("{{ .Hardware.Metadata.Instance.OperatingSystem.OsSlug }}", "debian_13"),
        ("{{ .hardware.spec.bmcRef.name }}", "bmc"),
        ("{{ .hardware.metadata.name }}@{{ .hardware.metadata.namespace }}", "m1@default"),
        ("{{ .hardware.metadata.labels.rack }}", "7"),
        ("{{ .hardware.spec.metadata.instance.hostname }}", "m1"),
        ("{{ toYaml .hardware.spec.disks }}", "- device: /dev/nvme0n1"),
        ("{{ .Hardware.Metadata.BondingMode }}{{ .Hardware.Metadata.State }}", "5"),
        ("{{ with .Hardware.Metadata.Instance }}{{ .IpxeScriptURL }}{{ .ID }}{{ end }}", "http://a/b"),
        ("{{ .Hardware.Metadata.Instance.Rescue }}", "false"),
        ("{{ .Hardware.Metadata.Instance.OperatingSystem.ImageTag }}", ""),
        ("{{ (index .Hardware.Metadata.Instance.Storage.Raid 0).Name }}", "md0"),
        ("{{ (index .Hardware.Metadata.Instance.Storage.Raid 0).Devices }}", "[]"),
        ("{{ (index (index .Hardware.Metadata.Instance.Storage.Disks 0).Partitions 0).TypeGUID }}", "8300"),
        (
            "{{ with (index .Hardware.Metadata.Instance.Storage.Filesystems 0).Mount }}"
            "{{ (index .Files 0).UID }}{{ (index .Files 0).GID }}{{ end }}",
            "70",
        ),
        ("{{ (index .Hardware.Interfaces 0).DHCP.TFTPServerName }}", "tftp"),
        ("{{ (index .Hardware.Interfaces 0).Netboot.RPI.SerialNum }}", "123"),
        ("{{ if (index .Hardware.Interfaces 0).Netboot.PXELINUX }}x{{ end }}", ""),
        ("{{ (index .Hardware.Interfaces 0).DHCP.BootFileName }}", ""),
        ("{{ (index .Hardware.Interfaces 0).DHCP.UEFI }}", "false"),
        ('{{ (fromYaml "a: {b: 1}").a.b }}', "1"),
        ('{{ "abc" | upper | quote }}', '"ABC"'),
        ('{{ htpasswd "u" "p" | trunc 4 }}', "u:$2"),
        (
            '{{ (genCAWithKey "ca" 1 (genPrivateKey "ecdsa")).Cert | trunc 27 }}',
            "-----BEGIN CERTIFICATE-----",
        ),
        ("{{ range $i, $d := .Hardware.Disks }}{{ $i }}={{ $d }}{{ end }}", "0=/dev/nvme0n1"),
    ],
)
def test_what_templates_may_say(text: str, expected: str) -> None:
    """The workflow's map, both spellings of the hardware, Sprig and upstream's own functions work."""
    assert render(text, data(MACHINE, {"device_1": "a-mac", "number": "3"}, {})) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: b\nc: {{ .missing }}", "line 2, column .*missing"),
        ("{{ .references.bmc }}", "bmc"),
        ("{{ .hardware.disks }}", "disks"),
        ("{{ .Hardware.Metadata.Facility.PlanSlug }}", "PlanSlug"),
        ("{{ .Hardware.Metadata.Sate }}", "Sate"),
        ("{{ if }", "line 1"),
        ('{{ env "HOME" }}', "env"),
        ('{{ expandenv "$HOME" }}', "expandenv"),
        ('{{ getHostByName "localhost" }}', "getHostByName"),
        ('{{ fail "told so" }}', "told so"),
        ('{{ netmaskToPrefixLength "1.2.3" }}', "1.2.3"),
        ("{{ range until 1000000 }}x{{ end }}", "budget"),
        ("{{ .Hardware.__class__ }}", "__class__"),
    ],
)
def test_what_templates_may_not(text: str, words: str) -> None:
    """Missing keys, the server's environment and endless loops are errors that tell the line."""
    with pytest.raises(TemplateFaultError, match=words):
        render(text, data(MACHINE, {}, {}))


def test_the_map_takes_no_name_of_ours() -> None:
    """A workflow's map shadows neither spelling of the hardware: upstream sets its own keys last."""
    text = "{{ index .Hardware.Disks 0 }} {{ .hardware.metadata.name }} {{ len .references }}"
    mine = {"Hardware": "x", "hardware": "y", "references": "z"}
    assert render(text, data(MACHINE, mine, {})) == "/dev/nvme0n1 m1 0"


def test_a_part_may_have_the_template_s_name() -> None:
    """A template that calls a part of its own by its own name is rendered, once: the root's name is fixed."""
    tasks = "tasks: [{name: a, worker: w, actions: [{name: b, image: c}]}]"
    data = '{{ define "t" }}name: t{{ end }}{{ template "t" }}\n' + tasks
    head = {"apiVersion": "tinkerbell.org/v1alpha1", "metadata": {"name": "t"}}
    kinds = {"Template": {"data": data}, "Workflow": {"templateRef": "t"}}
    files = [(kind, json.dumps({**head, "kind": kind, "spec": spec})) for kind, spec in kinds.items()]
    assert len(asyncio.run(diffing.validate(files)).drafts) == 1


def test_without_a_machine() -> None:
    """What a workflow of no machine's may name is there, and empty."""
    text = "{{ len .Hardware.Disks }}{{ .Hardware.Metadata.State }}{{ len .hardware.spec }}{{ .a }}"
    assert render(text, data(None, {"a": "b"}, {})) == "00b"


def test_syntax_is_checked_without_data() -> None:
    """With no data only the syntax counts."""
    assert render("{{ .anything }}", None) == ""
    with pytest.raises(TemplateFaultError):
        render("{{ .anything", None)


def test_a_bomb_takes_only_its_own_job() -> None:
    """A template that would fill the memory is stopped by its process's limits; the others render."""
    bomb = '{{ $x := "xxxxxxxxxx" }}{{ range until 40 }}{{ $x = printf "%s%s" $x $x }}{{ end }}{{ len $x }}'
    jobs = [Job("{{ .a }}", {"a": "1"}), Job(bomb, {}), Job("{{ .b }}", {})]
    good, exploded, bad = asyncio.run(render_all(jobs))
    assert (good.text, good.fault) == ("1", "")
    assert exploded.fault
    assert bad.fault


def test_too_much_memory_is_told_in_words() -> None:
    """With the place and the function that asked for it, not as a class of Python's."""
    (ended,) = asyncio.run(render_all([Job('{{ repeat 1000000000 "x" }}', {})]))
    assert ended.fault.startswith("line 1, column 4: function 'repeat' failed: ")
    assert ended.fault.endswith(": it takes more memory than a template may")


# toJson swallows what is raised in it; 40,000 times, it took a minute.
ENDLESS = '{{ $l := splitList "" (repeat 2000000 "x") }}{{ range until 40000 }}{{ $x := toJson $l }}{{ end }}'


def test_time_is_bounded_whatever_a_template_catches() -> None:
    """A template whose functions swallow what is raised in them is ended; only it is blamed."""
    good = Job("{{ .a }}", {"a": "1"})
    began = time.monotonic()
    before, ended, after = asyncio.run(render_all([good, Job(ENDLESS, {}), good]))
    assert (before, after) == (Rendered("1"), Rendered("1"))
    assert ended.fault == "rendering took more than 2 s of computing"
    assert time.monotonic() - began < 30  # on a busy host; it takes 3


def test_the_kernel_ends_what_no_signal_reaches() -> None:
    """One long step in C, in which Python handles no signal, is ended by its process's limit."""
    program = """if True:
        import signal
        from osie.tink.files.render_child import allow
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        allow(1)
        3 ** int("1000000000")
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert -done.returncode == signal.SIGXCPU


def test_a_condition_is_bounded_as_well() -> None:
    """An action's `if` takes no more time than a template."""
    verdict = asyncio.run(evaluate(f"or {'(eq 1 (len (toPrettyJson (until 4000000)))) ' * 20}", {}))
    assert verdict == Verdict(holds=False, fault="rendering took more than 2 s of computing")


@pytest.mark.parametrize("text", ['dd of={{ index . "missing" }}', "dd of={{ .hardware.spec.nothing }}"])
def test_what_is_not_there_is_not_rendered(text: str) -> None:
    """Go's `<no value>` reaches no command: what has none is an error that shows the line."""
    with pytest.raises(TemplateFaultError, match=r"isn't there: 'dd of=<no value>'"):
        render(f"a: b\nc: 1\n{text}", {"hardware": {"spec": {"nothing": None}}})
    assert render("# no <no value> please\n{{ .a }}", {"a": None}).startswith("#")


def test_yaml_is_not_folded() -> None:
    """toYaml writes a long text on one line, as upstream does, and quotes what would be no text."""
    long = "word " * 50 + "end"
    assert (
        render("{{ toYaml .a }}", {"a": {"k": long, "b": "y", "n": "1e3"}})
        == f'b: "y"\nk: {long}\n"n": "1e3"'
    )
