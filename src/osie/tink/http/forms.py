"""The HTTP API's bodies and examples, for its validation and its OpenAPI description."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_HARDWARE = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata: {name: machine-1}
spec:
  disks: [{device: /dev/sda}]
  interfaces:
    - dhcp: {mac: "52:54:00:12:34:56", ip: {address: 192.168.1.10, netmask: 255.255.255.0}}
      netboot: {allowPXE: true, allowWorkflow: true}
"""


class File(BaseModel):
    """A file as the operator has it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="for the errors", examples=["hardware.yaml"])
    text: str = Field(description="YAML or JSON, several documents at will", examples=[_HARDWARE])


class ApplyRequest(BaseModel):
    """Files that are applied together."""

    model_config = ConfigDict(extra="forbid")

    files: list[File]


class Change(BaseModel):
    """What became of one resource."""

    kind: str = Field(examples=["Hardware"])
    namespace: str = Field(examples=["default"])
    name: str = Field(examples=["machine-1"])
    change: str = Field(examples=["created"], description="created, configured or unchanged")


class ApplyAnswer(BaseModel):
    """All of it was applied."""

    applied: list[Change]
    warnings: list[str] = Field(
        examples=[["Hardware default/machine-1: spec.bmcRef: has no effect"]],
        description="what of the files has no effect, or couldn't be looked up",
    )


class DifferenceForm(Change):
    """A resource as it is, and as the files want it."""

    before: dict[str, Any] | None = Field(description="null: it is not there")
    after: dict[str, Any]


class DiffAnswer(BaseModel):
    """Every resource of the files."""

    differences: list[DifferenceForm]
    warnings: list[str] = Field(description="what of the files has no effect")


class FaultForm(BaseModel):
    """One reason why nothing was applied."""

    file: str = Field(examples=["hardware.yaml"])
    document: int | None = Field(examples=[1], description="from 1; null: the file as a whole")
    path: str = Field(examples=["spec.interfaces[0].dhcp.mac"])
    message: str = Field(examples=["missing"])


class RefusedAnswer(BaseModel):
    """Nothing was applied; every reason."""

    errors: list[FaultForm]


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str = Field(examples=["there is no Hardware default/machine-9"])


class Resource(BaseModel):
    """A manifest; a workflow's has a `status`."""

    model_config = ConfigDict(extra="allow")

    apiVersion: str
    kind: str
    metadata: dict[str, Any]
    spec: dict[str, Any]


class Listing(BaseModel):
    """A page. Ask again with `continue` for the next."""

    model_config = ConfigDict(extra="allow")

    items: list[dict[str, Any]]
    next: str | None = Field(default=None, alias="continue")
