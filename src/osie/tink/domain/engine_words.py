"""What a template says in the container engine's words: refused here where no engine would take it. Pure.

The ramdisk has Docker or Podman, and the template doesn't know which: what either takes is right. Docker's
rules are those of moby's volume/mounts/linux_parser.go and api/types/container/hostconfig.go, Podman's those
of podman-run(1), "--volume", "--pid" and "--network".
"""

import posixpath
import re
from collections.abc import Sequence

_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_PID = re.compile(r"|host|private|container:[a-zA-Z0-9][a-zA-Z0-9_.-]*|ns:/\S+")
# Of each of these at most one.
_CHOICES = (
    {"ro", "rw"},
    {"z", "Z"},
    {"shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable"},
    {"consistent", "cached", "delegated"},
    {"bind", "rbind"},
    {"exec", "noexec"},
    {"dev", "nodev"},
    {"suid", "nosuid"},
)
_OPTIONS = set[str]({"nocopy", "copy", "U", "O"}).union(*_CHOICES)


def volume(text: str) -> str:
    """SOURCE:TARGET[:OPTIONS], unchanged. Raises ValueError, one sentence."""
    parts = text.split(":")
    if not 2 <= len(parts) <= 3 or not all(parts[:2]):
        raise ValueError("expected SOURCE:TARGET[:OPTIONS]")
    source, target, *options = parts
    if not source.startswith("/") and not _VOLUME_NAME.fullmatch(source):
        raise ValueError(f"{_shown(source)} is neither an absolute path nor a volume's name")
    if not target.startswith("/"):
        raise ValueError(f"the target {_shown(target)} is no absolute path")
    if _plain(target) == "/":
        raise ValueError("the target is the container's root")
    words = [word for word in (options[0] if options else "").split(",") if word]
    for word in words:
        if word not in _OPTIONS:
            raise ValueError(f"unknown option {_shown(word)}: expected such as ro, rw, z, rshared")
    for choice in _CHOICES:
        told = [word for word in words if word in choice]
        if len(told) > 1:
            raise ValueError(f"the options {' and '.join(told)} exclude each other")
    return text


def refuse_one_target_twice(action: str, volumes: Sequence[str]) -> None:
    """Raise ValueError where two of an action's volumes have one target."""
    taken: dict[str, str] = {}
    for text in volumes:
        target = _plain(text.split(":")[1])
        if taken.setdefault(target, text) != text:
            raise ValueError(
                f"the volumes {_shown(taken[target])} and {_shown(text)} of action {_shown(action)}"
                " have one target"
            )


def environment(values: dict[str, str]) -> dict[str, str]:
    """The variables, unchanged. Raises ValueError where one can't have its name."""
    for name in values:
        if not name or "=" in name or " " in name or not name.isprintable():
            raise ValueError(f"{_shown(name)} can't be a variable's name")
    return values


def pid(text: str) -> str:
    """A PID namespace, unchanged. Raises ValueError."""
    if not _PID.fullmatch(text):
        raise ValueError(f"{_shown(text)} is no PID namespace: expected host or container:NAME")
    return text


def network(text: str) -> str:
    """A network's name or mode, unchanged: only the machine knows which there are. Raises ValueError."""
    if " " in text or not text.isprintable():
        raise ValueError(
            f"{_shown(text)} is no network: expected such as host, none, bridge or container:NAME"
        )
    return text


def _plain(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")


def _shown(text: str) -> str:
    return repr(text)[:80]
