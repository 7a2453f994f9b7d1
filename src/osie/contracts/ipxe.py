"""What can stand in an iPXE script and arrive as it was written. Pure; a check's ValueError has the reason.

iPXE has no quoting. It expands `${setting}` in the whole line, then splits the line at white space; `||`,
`&&` and `;` as words of their own end a command and a word that starts with `#` ends the line (ipxe:
src/core/exec.c).
Who admits a Hardware and who writes its script go by the same checks.
"""

import re

from osie.contracts import kernel_parameters

COMMAND_LINE_BYTES = 2047  # Linux on x86: COMMAND_LINE_SIZE is 2048, with the NUL at the end
OWN_BYTES = 1535  # of those, a machine's; the rest is for what the server and its ramdisk say
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.")
# name, name=value, name="some value", "name=some value": quotes elsewhere move when the line is written anew.
_PARAMETER = r'(?:[^\s"=]+(?:=(?:[^\s"]*|"[^"]*"))?|"[^"\s=]+(?:=[^"]*)?")'
_PARAMETERS = re.compile(rf"\s*(?:{_PARAMETER}(?:\s+{_PARAMETER})*\s*)?")


def argument(text: str) -> str:
    """`text` as it may stand at the end of an iPXE command."""
    if any(_control(c) for c in text):
        raise ValueError("has a control character in it")
    if "${" in text:
        raise ValueError("has '${' in it, which iPXE would take for one of its settings")
    words = text.split(" ")
    if any(not w for w in words) or any(c.isspace() and c != " " for c in text):
        raise ValueError("has several blanks in a row, which iPXE makes one")
    if any(w in {"||", "&&", ";"} or w.startswith("#") for w in words):
        raise ValueError("has a word in it that ends a command in iPXE: || && ; #")
    return text


def word(text: str) -> str:
    """`text` as one word of an iPXE command, in which iPXE may expand its settings."""
    if not text or not text.isascii() or any(c.isspace() or _control(c) for c in text):
        raise ValueError("is empty, or has a blank or a character outside ASCII in it")
    return text


def own_word(text: str) -> str:
    """`text` as one word of an iPXE command that arrives as it is."""
    return argument(word(text))


def script_url(text: str) -> str:
    """The URL of an operator's script: `${net0/mac}` and its like are meant there, so they may stand."""
    if not _SCHEME.match(text) and not text.startswith("${"):
        raise ValueError("is no URL with a scheme, such as http://10.0.0.1/boot.ipxe")
    return word(text)


def base_url(text: str) -> str:
    """A URL to which the names of files are appended."""
    if not _SCHEME.match(text):
        raise ValueError("is no URL with a scheme, such as http://10.0.0.1/osie")
    if "?" in text or "#" in text:
        raise ValueError("has a ? or # in it, and names of files are appended to it")
    return own_word(text)


def parameters(text: str) -> list[tuple[str, str]]:
    """The kernel parameters in `text`, as (name, value)."""
    if any(_control(c) for c in text):
        raise ValueError("has a control character in it")
    if not _PARAMETERS.fullmatch(text):
        raise ValueError(
            "is not of the form name, name=value or name=\"a value\": a quote or '=' is elsewhere"
        )
    return kernel_parameters.split(text)


def command_line(pairs: list[tuple[str, str]]) -> str:
    """The parameters as one line for iPXE's `kernel`."""
    try:
        line = kernel_parameters.join(pairs)
    except ValueError as error:
        raise ValueError("can't be written on a kernel's command line") from error
    if len(line.encode()) > COMMAND_LINE_BYTES:
        raise ValueError(f"has more than {COMMAND_LINE_BYTES} bytes")
    return argument(line) if line else ""


def contents(text: str) -> str:
    """An operator's script as iPXE takes it: the first line tells what it is, and each ends in a newline."""
    script = text.replace("\r\n", "\n").lstrip("\ufeff \t\n")
    head = "" if script.startswith("#!ipxe") else "#!ipxe\n"
    return f"{head}{script}" + ("" if script.endswith("\n") else "\n")


def _control(char: str) -> bool:
    return ord(char) < 32 or ord(char) == 127
