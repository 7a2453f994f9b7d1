"""What cexec can be told, and the commands that this amounts to."""

import shlex
from collections.abc import Mapping
from typing import NamedTuple

from osie.actions.environment import Environment


class Settings(NamedTuple):
    """Commands for one file system."""

    device: str
    kind: str  # of the file system
    chroot: bool
    commands: tuple[tuple[str, ...], ...]  # run in order; the first that fails is the last
    resolv_conf: bool  # whether the command sees our resolv.conf


def commands(line: str, interpreter: str) -> tuple[tuple[str, ...], ...]:
    """The argument lists: one for the interpreter, or without it one per part between semicolons.

    Raises ValueError where the quoting is wrong.
    """
    if interpreter:
        return ((*shlex.split(interpreter), line),)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";")
    lexer.whitespace_split = True
    lexer.commenters = ""
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) == {";"}:
            found.append([])
        else:
            found[-1].append(word)
    return tuple(tuple(words) for words in found if words)


def read(variables: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError with all that is wrong."""
    environment = Environment(variables)
    line = environment.text("CMD_LINE")
    try:
        argvs = commands(line, environment.text("DEFAULT_INTERPRETER", ""))
    except ValueError as error:
        argvs = ()
        environment.error("CMD_LINE or DEFAULT_INTERPRETER", f"can't be split into words: {error}")
    else:
        if line and not argvs:
            environment.error("CMD_LINE", "holds no command")
    settings = Settings(
        device=environment.path("BLOCK_DEVICE"),
        kind=environment.text("FS_TYPE"),
        chroot=environment.flag("CHROOT"),
        commands=argvs,
        resolv_conf=environment.flag("UPDATE_RESOLV_CONF"),
    )
    environment.check()
    return settings
