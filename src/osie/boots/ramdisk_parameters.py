"""What a ramdisk asks to have on its kernel's command line: its profile says so, its manifest notes it."""

import json
from pathlib import Path

from osie.boots.ipxe_script import ScriptError
from osie.contracts import artifacts


def of(folder: Path) -> tuple[str, ...]:
    """The kernel parameters of the artifacts in the folder; none where they aren't of `osie build`.

    Read anew for each machine: the folder may hold another ramdisk by now. Raises ScriptError.
    """
    path = folder / artifacts.MANIFEST
    try:
        noted = json.loads(path.read_bytes()).get("kernel_parameters", [])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, AttributeError) as error:
        raise ScriptError(f"{path} can't be read: {error}") from error
    if not isinstance(noted, list) or not all(isinstance(one, str) for one in noted):
        raise ScriptError(f"{path}: kernel_parameters isn't a list of texts")
    return tuple(noted)
