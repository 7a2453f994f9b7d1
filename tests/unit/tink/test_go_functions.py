"""What Go's text/template and Sprig make of a template, where gotpl alone made something else.

Each expected text was seen from upstream's own renderer (Tinkerbell v0.25.0, Sprig v3.3.0, `make interop`).
"""

from typing import Any

import pytest

from osie.tink.domain.resources import Kind, Ref, Resource
from osie.tink.files.rendering import TemplateFaultError, render
from osie.tink.files.template_data import data

SPEC: dict[str, Any] = {
    "disks": [{"device": "/dev/vda"}],
    "interfaces": [{"dhcp": {"mac": "52:54:00:00:00:01", "lease_time": 86400}}],
    "metadata": {
        "bonding_mode": 5,
        "instance": {
            "storage": {"disks": [{"device": "/dev/vda", "partitions": [{"number": 1, "size": 1000000}]}]}
        },
    },
}
MACHINE = Resource(Ref(Kind.HARDWARE, "default", "m1"), SPEC, {}, {})
SIZE = "(index (index .hardware.spec.metadata.instance.storage.disks 0).partitions 0).size"
TYPED_SIZE = "(index (index .Hardware.Metadata.Instance.Storage.Disks 0).Partitions 0).Size"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{{{{ {SIZE} }}}}", "1e+06"),
        (f"{{{{ int {SIZE} }}}}", "1000000"),
        (f'{{{{ printf "%.0f" {SIZE} }}}}', "1000000"),
        (f"{{{{ {TYPED_SIZE} }}}}", "1000000"),
        ("{{ .hardware.spec.metadata.bonding_mode }}", "5"),
        ("{{ toJson .hardware.spec.auto }}", "{}"),
        ("{{ len (index .Hardware.Interfaces 0).DHCP.ClasslessStaticRoutes }}", "0"),
        ("{{ range .Hardware.Metadata.Instance.Ips }}an address{{ end }}", ""),
        ("{{ toYaml (index .hardware.spec.interfaces 0) }}",
         'dhcp:\n  lease_time: 86400\n  mac: "52:54:00:00:00:01"'),
    ],
)  # fmt: skip
def test_numbers_and_lists_of_the_hardware(text: str, expected: str) -> None:
    """`.hardware` has JSON's numbers, `.Hardware` Go's; a list that isn't told is empty in both."""
    assert render(text, data(MACHINE, {}, {})) == expected


VALUES: dict[str, Any] = {
    "nothing": None,
    "empty_list": [],
    "texts": ["a", "b c"],
    "map": {"s": "x", "n": None},
    "odd": {"": 1.0, "a b": 2.0},
    "keys": {"a10": 1.0, "a2": 1.0, "B": 1.0, "a": 1.0, "-": 1.0},
    "number": 1234567.0,
    "huge": 1e21,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # lists, and nil among what they are given
        (r'{{ regexFindAll "\\d+" "s" -1 }}', "[]"),
        (r'{{ mustToRawJson (mustRegexFindAll "\\d+" "s" 3) }}', "null"),
        ("{{ if slice .empty_list }}x{{ else }}none{{ end }}", "none"),
        ('{{ mustPrepend (list "a") nil }}', "[<nil> a]"),
        ('{{ list (index .map "absent") 1 }}', "[<nil> 1]"),
        # maps: what is nil is not merged
        ('{{ merge (dict "a" 1) .map }}', "map[a:1 s:x]"),
        ('{{ mergeOverwrite (dict "a" 1) .map }}', "map[a:1 n:<nil> s:x]"),
        # numbers
        ('{{ mulf "text" "-3" }}', "0"),
        ("{{ ceil -0.5 }}", "-0"),
        ('{{ atoi "9223372036854775808" }} {{ atoi "-9223372036854775809" }}',
         "9223372036854775807 -9223372036854775808"),
        ('{{ atoi "1_0" }} {{ atoi "012" }}', "0 12"),
        ('{{ duration "95" }} {{ duration (int64 95) }}', "1m35s 1m35s"),
        # comparing with nil
        ('{{ ne "a" nil }} {{ eq .nothing "a" }} {{ eq .nothing nil }} {{ eq .map nil }}',
         "true false true false"),
        ('{{ eq 1 2 1 }} {{ ne "a" "b" }}', "true true"),
        # printf: a verb for text or numbers is for each item
        ('{{ printf "%s|%d|%s" .texts (list 1 2) "x" }}', "[a b c]|[1 2]|x"),
        ('{{ printf "%q %v" .texts .texts }}', '["a" "b c"] [a b c]'),
        ('{{ printf "%s" .map }}', "map[n:<nil> s:x]"),
        ('{{ printf "%5s|%%" .texts }}', "[    a   b c]|%"),
        ('{{ printf "%s" .odd }}', "map[:%!s(float64=1) a b:%!s(float64=2)]"),
        ('{{ printf "%[2]s %[1]s" "a" "b" }}', "b a"),
        # text
        ('{{ nospace "日本語" }}', "日本語"),
        # YAML: go-yaml's quotes, numbers and order of keys
        ('{{ toYaml (dict "a" "1" "b" "y" "c" "" "d" "k: v" "e" "- x" "f" "12:30" "g" "2020-01-01") }}',
         'a: "1"\nb: "y"\nc: ""\nd: \'k: v\'\ne: \'- x\'\nf: "12:30"\ng: "2020-01-01"'),
        ('{{ toYaml (list .number .huge 1.5 1e6 7 true nil) }}',
         "- 1234567\n- 1e+21\n- 1.5\n- 1000000\n- 7\n- true\n- null"),
        ("{{ toYaml .keys }}", "'-': 1\nB: 1\na: 1\na2: 1\na10: 1"),
        ("{{ toYaml .odd }}", '"": 1\na b: 2'),
        ('{{ toYaml (list "two\\nlines" "😀" "é") }}', '- |-\n  two\n  lines\n- "\\U0001F600"\n- é'),
        ("{{ toYaml nil }} {{ toYaml .empty_list }} {{ toYaml (dict) }}", "null [] {}"),
        ('{{ fromYaml "1e6" }} {{ (fromYaml "a: 3000000").a }} {{ (fromYaml "a: 010").a }}', "1e+06 3e+06 8"),
        ('{{ netmaskToPrefixLength "255.255.252.0" }}', "22"),
    ],
)  # fmt: skip
def test_as_upstream(text: str, expected: str) -> None:
    """The text is upstream's."""
    assert render(text, VALUES) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{{ keys "text" }}', "expected a map, got string"),
        ("{{ keys .nothing }}", "expected a map, got invalid"),
        ("{{ merge .texts .map }}", "expected a map, got slice"),
        ('{{ pluck "a" .texts }}', "expected a map, got slice"),
        ('{{ eq "a" 1 }}', "incompatible types for comparison: string and int"),
        ("{{ eq .number 1234567 }}", "incompatible types for comparison: float64 and int"),
        ("{{ eq .texts .texts }}", "non-comparable type: slice"),
        ('{{ netmaskToPrefixLength "24" }}', "24"),
    ],
)
def test_what_upstream_refuses(text: str, words: str) -> None:
    """A map that is none, values that don't compare, a netmask that is none: errors, as upstream has them."""
    with pytest.raises(TemplateFaultError, match=words):
        render(text, VALUES)


def test_a_netmask_with_gaps_is_none() -> None:
    """Upstream makes 0 of it, which nobody can want."""
    with pytest.raises(TemplateFaultError, match="not a valid netmask"):
        render('{{ netmaskToPrefixLength "0.0.0.255" }}', {})
