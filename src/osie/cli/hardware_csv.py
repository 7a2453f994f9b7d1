"""Machines from a spreadsheet: a CSV file to Hardware manifests. Pure.

The columns are those of the hardware.csv that Tinkerbell's installers read, and some more. RFC 4180.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from osie.contracts.flag import flag
from osie.core.errors import OsieError
from osie.tink.domain.keys import nearest
from osie.tink.domain.resources import HardwareResource
from osie.tink.files.manifest import explain

Json = dict[str, Any]

COLUMNS: Mapping[str, str] = {
    "hostname": "the machine's name; required, and the Hardware's name",
    "mac": "of the NIC that netboots; required",
    "ip_address": "the address that DHCP gives it",
    "netmask": "255.255.255.0 where there is an address and no netmask",
    "gateway": "its router",
    "nameservers": "one or more, separated by |",
    "timeservers": "one or more, separated by |",
    "disk": "where the OS goes, such as /dev/sda",
    "labels": "KEY=VALUE, several separated by |",
    "vlan_id": "a tagged VLAN",
    "uefi": "true or false",
    "agent_id": "the worker's identity, where it isn't the MAC",
    "netboot": "true (also where it is empty) or false: may it netboot",
}
_OTHER_WORDS = {  # of other programs' tables
    "macaddress": "mac",
    "name": "hostname",
    "ip": "ip_address",
    "address": "ip_address",
    "subnetmask": "netmask",
    "router": "gateway",
    "dns": "nameservers",
    "ntp": "timeservers",
    "device": "disk",
    "vlan": "vlan_id",
}
_IGNORED = {"bmc_ip", "bmc_username", "bmc_password", "vendor"}
_REQUIRED = ("hostname", "mac")
_PLACES = {  # in the manifest, or below its interface's dhcp
    "metadata.name": "hostname",
    "mac": "mac",
    "ip.address": "ip_address",
    "ip.netmask": "netmask",
    "ip.gateway": "gateway",
    "vlan_id": "vlan_id",
    "name_servers": "nameservers",
    "time_servers": "timeservers",
    "spec.agentID": "agent_id",
}
_UNIQUE = ("hostname", "mac", "ip_address", "agent_id")


class Imported(NamedTuple):
    """What a file holds."""

    manifests: list[Json]
    lines: list[int]  # of the file, on which each of them ends
    ignored: list[str]  # columns that have no place in a Hardware


def read(name: str, text: str) -> Imported:
    """Read the file called `name`. Raises OsieError with every fault and its line."""
    separator, before, lines = _dialect(text)
    table = csv.DictReader(io.StringIO(lines), strict=True, skipinitialspace=True, delimiter=separator)
    try:
        columns = [column.strip().lower() for column in table.fieldnames or ()]
        table.fieldnames = columns
        rows = [(table.line_num + before, row) for row in table if not _is_blank(row)]
    except csv.Error as error:
        raise OsieError(f"{name}, line {table.line_num + before}: no CSV: {error}") from error
    faults = [f"{name}: {fault}" for fault in _wrong_columns(columns)]
    manifests, seen = [], dict[tuple[str, str], int]()
    for line, row in rows if not faults else ():
        fields = {key: (value or "").strip() for key, value in row.items() if key is not None}
        manifest = _manifest(fields)
        wrong = [*_shape(row), *_twice(fields, line, seen), *_wrong_values(fields, manifest)]
        faults += [f"{name}, line {line}: {fault}" for fault in wrong]
        manifests.append(manifest)
    if not rows and not faults:
        faults = [f"{name}: no machine in it"]
    if faults:
        raise OsieError("\n  ".join(faults), hint=f"columns: {', '.join(COLUMNS)}")
    return Imported(
        manifests, [line for line, _ in rows], [column for column in columns if column in _IGNORED]
    )


def _dialect(text: str) -> tuple[str, int, str]:
    """The separator, how many lines are no table's, and the table.

    Excel separates by a semicolon where a comma is in numbers, and may say so in a first line `sep=;`.
    """
    first, newline, rest = text.partition("\n")
    said = re.fullmatch("sep=(.)", first.strip("\r"), re.IGNORECASE)
    if said:
        return said[1], 1, rest
    separators = [each for each in ";\t" if each in first and "," not in first]
    return (separators or [","])[0], 0, first + newline + rest


def _is_blank(row: Mapping[Any, Any]) -> bool:
    """A row of separators only, as spreadsheets write them below a table."""
    return not "".join("".join(value or ()) for value in row.values()).strip()


def _wrong_columns(columns: list[str]) -> Iterator[str]:
    for column in columns:
        if column not in COLUMNS and column not in _IGNORED:
            meant = nearest(column, COLUMNS) or _OTHER_WORDS.get(column.replace("_", ""), "")
            yield f"unknown column {column!r}" + (f": {meant}?" if meant else "")
    for column in sorted({column for column in columns if columns.count(column) > 1}):
        yield f"column {column} is there twice"
    for column in _REQUIRED:
        if column not in columns:
            yield f"no column {column}"


def _shape(row: Mapping[Any, Any]) -> Iterator[str]:
    if None in row:
        yield "more fields than columns"
    if None in row.values():
        yield "fewer fields than columns"


def _twice(fields: Mapping[str, str], line: int, seen: dict[tuple[str, str], int]) -> Iterator[str]:
    for column in _UNIQUE:
        value = fields.get(column, "").lower().replace("-", ":" if column == "mac" else "-")
        if value and seen.setdefault((column, value), line) != line:
            yield f"{column} {value} is in line {seen[column, value]}, too"


def _wrong_values(fields: Mapping[str, str], manifest: Json) -> Iterator[str]:
    for column in _REQUIRED:
        if not fields.get(column):
            yield f"{column} is empty"
    for column in ("uefi", "netboot"):
        if fields.get(column) and flag(fields[column]) is None:
            yield f"{column} is {fields[column]!r}, neither true nor false"
    for label in _several(fields.get("labels", "")):
        if not label.partition("=")[0] or "=" not in label:
            yield f"labels: {label!r} is not KEY=VALUE"
    try:
        HardwareResource.model_validate(manifest)
    except ValidationError as error:
        for path, message in explain(error):
            column = column_of(path)
            if column not in _REQUIRED or fields.get(column):  # that they are empty is told already
                yield f"{column}: {message}"


def column_of(path: str) -> str:
    """The column from which a place in the manifest comes, or the path itself."""
    place = re.sub(r"\[\d+\]", "", path)
    return _PLACES.get(place.removeprefix("spec.interfaces.dhcp."), path)


def _several(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _manifest(fields: Mapping[str, str]) -> Json:
    """The Hardware of one line; what the line leaves empty isn't in it."""
    get: Callable[[str], str] = lambda column: fields.get(column, "")  # noqa: E731
    address = {"address": get("ip_address"), "netmask": get("netmask"), "gateway": get("gateway")}
    if address["address"] and not address["netmask"]:
        address["netmask"] = "255.255.255.0"
    dhcp: Json = {
        "mac": get("mac"),
        "hostname": get("hostname"),
        "ip": {key: value for key, value in address.items() if value},
        "name_servers": _several(get("nameservers")),
        "time_servers": _several(get("timeservers")),
        "vlan_id": get("vlan_id"),
        "uefi": bool(flag(get("uefi"))),
    }
    netboot = flag(get("netboot")) is not False
    spec: Json = {
        "agentID": get("agent_id"),
        "disks": [{"device": get("disk")}] if get("disk") else [],
        "interfaces": [
            {
                "dhcp": {key: value for key, value in dhcp.items() if value},
                "netboot": {"allowPXE": netboot, "allowWorkflow": True},
            }
        ],
    }
    labels = dict(label.partition("=")[::2] for label in _several(get("labels")))
    return {
        "apiVersion": "tinkerbell.org/v1alpha1",
        "kind": "Hardware",
        "metadata": {"name": get("hostname"), **({"labels": labels} if labels else {})},
        "spec": {key: value for key, value in spec.items() if value},
    }
