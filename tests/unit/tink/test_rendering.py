"""Go templates: what upstream's need, and what none may do."""

import asyncio
from typing import Any

import pytest

from osie.tink.render_child import Job, render_all
from osie.tink.rendering import TemplateFaultError, render
from osie.tink.template_data import data

SPEC: dict[str, Any] = {
    "disks": [{"device": "/dev/nvme0n1"}],
    "metadata": {"instance": {"hostname": "m1", "operating_system": {"os_slug": "debian_13"}}},
    "interfaces": [
        {"dhcp": {"mac": "52:54:00:12:34:56", "ip": {"address": "10.0.0.2", "netmask": "255.255.255.0"}}}
    ],
    "bmcRef": {"name": "bmc"},
}


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
        ("{{ .hardware.bmcRef.name }}", "bmc"),
        ("{{ toYaml .hardware.disks }}", "- device: /dev/nvme0n1"),
        ('{{ (fromYaml "a: {b: 1}").a.b }}', "1"),
        ('{{ "abc" | upper | quote }}', '"ABC"'),
        ("{{ range $i, $d := .Hardware.Disks }}{{ $i }}={{ $d }}{{ end }}", "0=/dev/nvme0n1"),
    ],
)
def test_what_templates_may_say(text: str, expected: str) -> None:
    """The workflow's map, both spellings of the hardware, Sprig and upstream's own functions work."""
    assert render(text, data(SPEC, {"device_1": "a-mac", "number": "3"})) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: b\nc: {{ .missing }}", "line 2, column .*missing"),
        ("{{ .references.bmc }}", "bmc"),
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
        render(text, data(SPEC, {}))


def test_syntax_is_checked_without_data() -> None:
    """With no data only the syntax counts."""
    assert render("{{ .anything }}", None) == ""
    with pytest.raises(TemplateFaultError):
        render("{{ .anything", None)


def test_a_bomb_takes_only_its_own_job() -> None:
    """A template that would fill the memory is stopped by its process's limits; the others render."""
    bomb = '{{ $x := "xxxxxxxxxx" }}{{ range until 40 }}{{ $x = printf "%s%s" $x $x }}{{ end }}{{ len $x }}'
    jobs = [Job("good", "{{ .a }}", {"a": "1"}), Job("bomb", bomb, {}), Job("bad", "{{ .b }}", {})]
    good, exploded, bad = asyncio.run(render_all(jobs))
    assert (good.text, good.fault) == ("1", "")
    assert exploded.fault
    assert bad.fault
