"""Go templates: the functions there are, and what a template may not do. Knows nothing of what it renders."""

import ipaddress
from collections.abc import Callable
from typing import Any

import gotpl
from gotpl.funcs import sprig

from osie.tink.files import go_functions
from osie.tink.files.go_yaml import from_yaml, to_yaml

# They read the server's environment, or ask the network.
_REFUSED = {"env", "expandenv", "getHostByName"}
# The root's name is upstream's (template_validator.go). One of the operator's choice may be what the template
# calls a part of its own by `define`, which would then call itself.
_ROOT = "workflow-template"
_NO_VALUE = "<no value>"  # what Go prints where there is nothing
_BUDGET = gotpl.ExecutionBudget(
    max_output_chars=1_000_000, max_iterations=100_000, max_template_depth=50, max_function_calls=50_000
)


class TemplateFaultError(ValueError):
    """A template is not well formed, or can't be rendered with its data; the message tells the line."""


def format_partition(device: str, partition: int) -> str:
    """The name of a disk's partition, by the kernel's and udev's conventions."""
    if device.startswith("/dev/disk/"):
        return f"{device}-part{partition}"
    return f"{device}p{partition}" if device[-1:].isdigit() else f"{device}{partition}"


def netmask_to_prefix_length(netmask: str) -> str:
    """255.255.255.0 -> 24."""
    bits = f"{int(ipaddress.IPv4Address(netmask)):032b}"
    if "01" in bits:
        raise ValueError(f"{netmask!r} is not a valid netmask")
    return str(bits.count("1"))


def _functions() -> dict[str, Callable[..., object]]:
    library = {name: f for name, f in sprig.text_func_map().items() if name not in _REFUSED}
    functions: dict[str, Callable[..., object]] = {
        **library,
        **go_functions.OVERRIDES,
        "formatPartition": format_partition,
        "netmaskToPrefixLength": netmask_to_prefix_length,
        "toYaml": to_yaml,
        "fromYaml": from_yaml,
    }
    return {name: go_functions.with_nil(function) for name, function in functions.items()}


def _environment() -> gotpl.Environment:
    functions = _functions()
    return gotpl.Environment(
        functions=functions,
        missing_key="error",
        budget=_BUDGET,
        sandbox=gotpl.SandboxPolicy(
            allow_functions=functions,
            allow_attributes=("Cert", "Key"),  # of what genCA and the like make
            default_budget=_BUDGET,
        ),
    )


_ENVIRONMENT = _environment()


def render(text: str, data: dict[str, Any] | None) -> str:
    """`text` rendered; with no data, only its syntax is checked. Raises TemplateFaultError."""
    try:
        template = _ENVIRONMENT.from_string(text, name=_ROOT)
        rendered = "" if data is None else str(template.render(data))
    except gotpl.TemplateExecutionError as error:
        where = f"line {error.line}, column {error.column}: " if error.line is not None else ""
        # An error without a text of its own, MemoryError above all, leaves the message's end empty.
        nameless = error.message.endswith(": ") and error.__cause__ is not None
        cause = type(error.__cause__).__name__ if nameless else ""
        why = "it takes more memory than a template may" if cause == "MemoryError" else cause
        raise TemplateFaultError(where + error.message + why) from error
    except gotpl.TemplateSyntaxError as error:
        said = str(error).split(": ", 1)[-1]
        raise TemplateFaultError(f"line {error.line}, column {error.column}: {said}") from error
    except (
        gotpl.TemplateError,
        ValueError,
        TypeError,
        ArithmeticError,
        LookupError,
        RecursionError,
    ) as error:
        raise TemplateFaultError(str(error) or type(error).__name__) from error
    if _NO_VALUE in rendered and _NO_VALUE not in text:
        line = next(line for line in rendered.splitlines() if _NO_VALUE in line)
        raise TemplateFaultError(f"it names a value that isn't there: {line.strip()[:80]!r}")
    return rendered
