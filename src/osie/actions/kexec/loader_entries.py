"""Entries of the Boot Loader Specification (uapi-group.org): one file each, the newest first. Pure."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from osie.actions.kexec.entry import BootError, Entry, Files

FOLDERS = ("/boot/loader/entries", "/loader/entries")
_SETTINGS = ("/boot/loader/loader.conf", "/loader/loader.conf")
_MOST = 256  # entries that are looked at
_TRIES = re.compile(r"\+\d+(-\d+)?$")  # boot counting: NAME+LEFT-DONE.conf


class Found(NamedTuple):
    """An entry, and the name by which a boot loader's default names it."""

    id: str
    entry: Entry


def pairs(text: str) -> Iterable[tuple[str, str]]:
    """(key, value) of each line, in order."""
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        key, _, more = key.partition("\t")
        if key and not key.startswith("#"):
            yield key.lower(), f"{more} {value}".strip()


def entry(text: str) -> tuple[Entry, str] | None:
    """The entry in a file, and its version; None where it starts no Linux kernel."""
    kernel, title, version = "", "", ""
    ramdisks: list[str] = []
    options: list[str] = []
    for key, value in pairs(text):
        if key == "linux":
            kernel = value
        elif key == "initrd":
            ramdisks += value.split()
        elif key == "options":
            options.append(value)
        elif key == "title":
            title = value
        elif key == "version":
            version = value
    if not kernel:
        return None
    # $tuned_initrd and its kind are for GRUB to replace
    paths = tuple(name if name.startswith("$") else "/" + name.lstrip("/") for name in ramdisks)
    return Entry("/" + kernel.lstrip("/"), paths, " ".join(options), title or version), version


def read(files: Files) -> list[Found]:
    """The entries that there are, the newest first."""
    for folder in FOLDERS:
        found: list[tuple[str, Found]] = []
        for name in files.names(folder)[:_MOST]:
            stem, dot, extension = name.rpartition(".")
            text = files.text(f"{folder}/{name}") if dot and extension == "conf" else None
            known = entry(text) if text is not None else None
            if known is not None:
                stem = _TRIES.sub("", stem)
                found.append((known[1] or stem, Found(stem, known[0])))
        if found:
            found.sort(key=lambda each: (_natural(each[0]), _natural(each[1].id)), reverse=True)
            return [each for _, each in found]
    return []


def default_entry(files: Files) -> Entry:
    """What systemd-boot would start: loader.conf's default, else the newest. Raises BootError."""
    found = read(files)
    if not found:
        raise BootError(f"there is no entry in {' or '.join(FOLDERS)}")
    for path in _SETTINGS:
        wanted = dict(pairs(files.text(path) or "")).get("default", "")
        for each in found:
            if wanted and (fnmatchcase(each.id, wanted) or fnmatchcase(f"{each.id}.conf", wanted)):
                return each.entry
    return found[0].entry


def _natural(text: str) -> list[tuple[int, int, str]]:
    """6.10 comes after 6.9."""
    return [
        (1, int(part), "") if part.isdecimal() else (0, 0, part)
        for part in re.findall(r"[0-9]{1,18}|[a-zA-Z]+", text)
    ]
