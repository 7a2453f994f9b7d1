"""The resources that an operator applies: Hardware, Template, Workflow, as upstream's CRDs shape them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from osie.tink.domain.hardware import HardwareSpec
from osie.tink.domain.template import Text

API_VERSION = "tinkerbell.org/v1alpha1"


class Kind(StrEnum):
    """The kinds there are."""

    HARDWARE = "Hardware"
    TEMPLATE = "Template"
    WORKFLOW = "Workflow"


@dataclass(frozen=True, order=True)
class Ref:
    """A resource's name in full."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


class Metadata(BaseModel):
    """Names as Kubernetes allows them (RFC 1123 subdomains)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Annotated[str, Field(pattern=_NAME, max_length=253)]
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)] = "default"
    labels: dict[str, Text] = {}
    annotations: dict[str, Text] = {}


# `spec:` with nothing behind it is an empty one, as for kubectl.
_EmptyIfNone = BeforeValidator(lambda value: {} if value is None else value)
_OrEmpty = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
_RefName = Annotated[_OrEmpty, Field(pattern=rf"^$|{_NAME}", max_length=253)]


class TemplateSpec(BaseModel):
    """A workflow's tasks, in Go's template syntax."""

    model_config = ConfigDict(extra="allow", frozen=True)

    data: _OrEmpty = ""


class BootOptions(BaseModel):
    """What shall happen to the machine's booting around the workflow; what isn't here is kept and ignored."""

    model_config = ConfigDict(extra="allow", frozen=True)

    toggleAllowNetboot: bool = False
    bootMode: Annotated[
        Literal["", "netboot", "isoboot", "iso", "customboot"],
        BeforeValidator(lambda value: "" if value is None else value),
    ] = ""


class WorkflowSpec(BaseModel):
    """A template and a machine, brought together."""

    model_config = ConfigDict(extra="allow", frozen=True)

    templateRef: _RefName = ""
    hardwareRef: _RefName = ""  # "": of no machine that we know; its template names the workers
    # True: kept, and nothing of it is done until it is applied without.
    disabled: Annotated[bool, BeforeValidator(lambda value: value or False)] = False
    hardwareMap: Annotated[dict[str, Text], BeforeValidator(lambda value: value or {})] = {}
    bootOptions: Annotated[BootOptions, BeforeValidator(lambda value: value or {})] = BootOptions()


class _Envelope(BaseModel):
    # `status` is the server's to write; a file made from `get -o yaml` has one, and may be applied again.
    model_config = ConfigDict(extra="forbid", frozen=True)

    apiVersion: str
    kind: str
    metadata: Metadata
    status: Any = None


class HardwareResource(_Envelope):
    """A document of kind Hardware."""

    spec: Annotated[HardwareSpec, _EmptyIfNone] = HardwareSpec()


class TemplateResource(_Envelope):
    """A document of kind Template."""

    spec: Annotated[TemplateSpec, _EmptyIfNone] = TemplateSpec()


class WorkflowResource(_Envelope):
    """A document of kind Workflow."""

    spec: Annotated[WorkflowSpec, _EmptyIfNone] = WorkflowSpec()


FORMS: dict[str, type[HardwareResource | TemplateResource | WorkflowResource]] = {
    Kind.HARDWARE: HardwareResource,
    Kind.TEMPLATE: TemplateResource,
    Kind.WORKFLOW: WorkflowResource,
}


@dataclass(frozen=True)
class Resource:
    """A resource as the store holds it: the operator's own text, plus who and when."""

    ref: Ref
    spec: dict[str, Any]
    labels: dict[str, str]
    annotations: dict[str, str]
    netboot: bool | None = None  # Hardware only: allowPXE as a workflow toggled it; None: as in the spec
    version: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0
