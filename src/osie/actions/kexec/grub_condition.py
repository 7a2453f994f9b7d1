"""GRUB's command `test`: strings, numbers, files. Pure.

GRUB manual, "test". Numbers are of 20 digits at most.
"""

from collections.abc import Sequence

from osie.actions.kexec.entry import Files
from osie.actions.kexec.grub_script import path_of


def holds(arguments: Sequence[str], files: Files) -> bool:
    """What `test` or `[` says to these arguments."""
    words = arguments[:-1] if arguments[-1:] == ["]"] else arguments
    return any(all(_holds(term, files) for term in _split(either, "-a")) for either in _split(words, "-o"))


def _split(words: Sequence[str], at: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == at:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _holds(term: list[str], files: Files) -> bool:
    if term[:1] == ["!"]:
        return not _holds(term[1:], files)
    match term:
        case [text]:
            return bool(text)
        case [how, operand]:
            return _is(how, operand, files)
        case [left, how, right]:
            return _compares(left, how, right)
    return False


def _is(how: str, operand: str, files: Files) -> bool:
    if how in ("-n", "-z"):
        return bool(operand) == (how == "-n")
    if how == "-d":
        return bool(files.names(path_of(operand)))
    return how in ("-e", "-f", "-s") and files.has(path_of(operand))


def _compares(left: str, how: str, right: str) -> bool:
    if how in ("=", "==", "!="):
        return (left == right) == (how != "!=")
    try:
        difference = int(left[:20]) - int(right[:20])
    except ValueError:
        return False
    return {
        "-eq": difference == 0,
        "-ne": difference != 0,
        "-lt": difference < 0,
        "-le": difference <= 0,
        "-gt": difference > 0,
        "-ge": difference >= 0,
    }.get(how, False)
