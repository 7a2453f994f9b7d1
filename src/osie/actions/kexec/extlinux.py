"""The configuration of EXTLINUX and SYSLINUX, which U-Boot reads, too. Pure.

https://wiki.syslinux.org/wiki/index.php?title=Config
"""

from pathlib import PurePosixPath

from osie.actions.kexec.entry import BootError, Entry, Files
from osie.actions.kexec.loader_entries import pairs

NAMES = ("extlinux.conf", "syslinux.cfg")


def default_entry(path: str, files: Files) -> Entry:
    """What is started without a word from the user. Raises BootError."""
    text = files.text(path)
    if text is None:
        raise BootError(f"there is no {path}")
    default, shared, labels = "", "", dict[str, dict[str, str]]()
    current: dict[str, str] | None = None
    for key, value in pairs(text):
        if key == "default":
            default = value
        elif key == "label":
            current = labels.setdefault(value, {"append": shared})
        elif key == "menu" and value.lower() == "default" and current is not None:
            default = next(name for name, label in labels.items() if label is current)
        elif key == "append" and current is None:
            shared = value
        elif current is not None:
            current["kernel" if key == "linux" else key] = "" if value == "-" else value
    label = labels.get(default) or next(iter(labels.values()), None)
    if label is None or not label.get("kernel"):
        raise BootError(f"{path}: its default entry {default!r} starts no kernel")
    folder = str(PurePosixPath(path).parent)
    words = label["append"].split()
    told = label.get("initrd") or next((w.removeprefix("initrd=") for w in words if _is_initrd(w)), "")
    return Entry(
        _below(folder, label["kernel"]),
        tuple(_below(folder, name) for name in told.split(",") if name),
        " ".join(word for word in words if not _is_initrd(word)),
        default,
    )


def _is_initrd(word: str) -> bool:
    return word.startswith("initrd=")


def _below(folder: str, name: str) -> str:
    """Names are relative to the configuration's folder."""
    return str(PurePosixPath(folder) / name)
