"""Machines from a spreadsheet."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.cli import hardware_csv
from osie.cli.main import main
from osie.cli.resources import read_file
from osie.core.errors import OsieError
from osie.tink.files.manifest import parse

GOOD = """\
hostname,bmc_ip,MAC,ip_address,netmask,gateway,nameservers,labels,disk,netboot
node-1,10.0.0.2,52-54-00-12-34-01,192.168.1.11,255.255.254.0,192.168.1.1,1.1.1.1|8.8.8.8,type=cp|rack=3,/dev/sda,
node-2,,52:54:00:12:34:02,192.168.1.12,,,,,,no
"""
BAD = """\
hostname,mac,ip_address,uefi,labels
node-1,52:54:00:12:34:01,192.168.1.300,maybe,a
node-1,52-54-00-12-34-01,,,
,zz,,,,
"""


def test_a_line_becomes_a_hardware() -> None:
    """With what the line tells and nothing else; columns of the BMC are named as ignored."""
    imported = hardware_csv.read("machines.csv", GOOD)
    first, second = imported.manifests
    assert imported.ignored == ["bmc_ip"]
    assert first["metadata"] == {"name": "node-1", "labels": {"type": "cp", "rack": "3"}}
    assert first["spec"]["disks"] == [{"device": "/dev/sda"}]
    assert first["spec"]["interfaces"][0]["dhcp"] == {
        "mac": "52-54-00-12-34-01",
        "hostname": "node-1",
        "ip": {"address": "192.168.1.11", "netmask": "255.255.254.0", "gateway": "192.168.1.1"},
        "name_servers": ["1.1.1.1", "8.8.8.8"],
    }
    assert second["spec"] == {
        "interfaces": [
            {
                "dhcp": {
                    "mac": "52:54:00:12:34:02",
                    "hostname": "node-2",
                    "ip": {"address": "192.168.1.12", "netmask": "255.255.255.0"},
                },
                "netboot": {"allowPXE": False, "allowWorkflow": True},
            }
        ]
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hostname;mac;labels\nm1;52:54:00:12:34:01;a=1,5\n;;\n", 2),
        ("sep=;\nhostname;mac;labels\n;;\nm1;52:54:00:12:34:01;a=1,5\n", 4),
        ("hostname\tmac\tlabels\nm1\t52:54:00:12:34:01\ta=1,5\n\t\t\n", 2),
        ('hostname,mac,labels\n,,\nm1,52:54:00:12:34:01,"a=1,5"\n , ,\n\n', 3),
    ],
    ids=["semicolons", "sep=", "tabs", "commas"],
)
def test_tables_as_spreadsheets_write_them(text: str, line: int) -> None:
    """Whatever separates the fields, and with rows that are empty: the machine, and its line in the file."""
    imported = hardware_csv.read("m.csv", text)
    assert [m["metadata"] for m in imported.manifests] == [{"name": "m1", "labels": {"a": "1,5"}}]
    assert imported.lines == [line]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(encoding: str, tmp_path: Path) -> None:
    """Excel's "CSV UTF-8" and "Unicode text" are read; so is YAML that PowerShell wrote."""
    (tmp_path / "m.csv").write_bytes("hostname,mac\r\nmü,52:54:00:12:34:01\r\n".encode(encoding))
    assert read_file(str(tmp_path / "m.csv"))[1] == "hostname,mac\nmü,52:54:00:12:34:01\n"


@pytest.mark.parametrize(
    ("column", "meant"),
    [("mac_address", "mac"), ("MacAddress", "mac"), ("nameserver", "nameservers"), ("dns", "nameservers"),
     ("ip", "ip_address"), ("host_name", "hostname")],
)  # fmt: skip
def test_a_column_of_another_name_is_told_with_ours(column: str, meant: str) -> None:
    """What other programs call it, or a slip of the finger."""
    with pytest.raises(OsieError, match=f"unknown column {column.lower()!r}: {meant}[?]"):
        hardware_csv.read("m.csv", f"hostname,mac,{column}\n")


def test_every_fault_is_told_with_its_line() -> None:
    """Wrong values, machines that are there twice, and lines with too few or too many fields."""
    with pytest.raises(OsieError) as caught:
        hardware_csv.read("bad.csv", BAD)
    told = str(caught.value).splitlines()
    places = [(line.strip().split(": ")[0], word) for line in told for word in line.split() if word in _WORDS]
    assert places == [
        ("bad.csv, line 2", "uefi"),
        ("bad.csv, line 2", "labels:"),
        ("bad.csv, line 2", "'192.168.1.300'"),
        ("bad.csv, line 3", "hostname"),
        ("bad.csv, line 3", "mac"),
        ("bad.csv, line 4", "more"),
        ("bad.csv, line 4", "hostname"),
        ("bad.csv, line 4", "'zz'"),
    ]


def test_a_name_is_checked_before_a_server_is_asked() -> None:
    """As a Hardware's: every wrong one with its line and column, and what is allowed."""
    text = "hostname,mac\nNode-1,52:54:00:12:34:01\nfine,52:54:00:12:34:02\nb_c,zz\n"
    with pytest.raises(OsieError) as caught:
        hardware_csv.read("m.csv", text)
    allowed = "expected lower-case letters, digits, '-' and '.'"
    first, second, third = str(caught.value).splitlines()
    assert first == f"m.csv, line 2: hostname: 'Node-1': {allowed}"
    assert second == f"  m.csv, line 4: hostname: 'b_c': {allowed}"
    assert third.startswith("  m.csv, line 4: mac: 'zz' is not a MAC address")


_WORDS = {"uefi", "labels:", "'192.168.1.300'", "hostname", "mac", "more", "'zz'"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column hostname"),
        ("hostname,mac\n", "no machine"),
        ("hostnam,mac\nx,y\n", "'hostnam': hostname?"),
        ("hostname,mac,mac\n", "mac is there twice"),
        ('hostname,mac\n"x"y,z\n', "no CSV"),
    ],
)
def test_a_file_that_is_none_is_told(text: str, told: str) -> None:
    """By what is missing or wrong."""
    with pytest.raises(OsieError, match=told.replace("?", r"\?")):
        hardware_csv.read("f.csv", text)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """It is read, or refused in a sentence."""
    for body in (text, f"hostname,mac\n{text}"):
        try:
            hardware_csv.read("f.csv", body)
        except OsieError as error:
            assert str(error).startswith("f.csv")


def test_a_dry_run_prints_what_would_be_applied(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """As YAML that `osie apply` takes; no server is asked."""
    file = tmp_path_factory.mktemp("csv") / "machines.csv"
    file.write_text(GOOD)
    with pytest.raises(SystemExit, match="0"):
        main(["hardware", "import", str(file), "--dry-run", "--server", "http://127.0.0.1:9"])
    out, err = capsys.readouterr()
    batch = parse([("out.yaml", out)])
    assert not batch.faults
    assert sorted(ref.name for ref in batch.resources) == ["node-1", "node-2"]
    assert "bmc_ip: ignored" in err
