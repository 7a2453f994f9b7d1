"""What an accepted resource says that has no effect here: each with its place, and what to do instead."""

from osie.tink.hardware import HardwareSpec
from osie.tink.resources import HardwareResource, TemplateResource, WorkflowResource


def of(form: HardwareResource | TemplateResource | WorkflowResource) -> list[str]:
    """PATH: SENTENCE of each, for the document as it was accepted."""
    if isinstance(form, HardwareResource):
        return of_hardware(form.spec)
    return []


def of_hardware(_spec: HardwareSpec) -> list[str]:
    """What of a Hardware's spec has no effect."""
    return []
