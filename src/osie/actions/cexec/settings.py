"""What cexec can be told, and the commands that this amounts to."""

import shlex
from collections.abc import Mapping
from typing import NamedTuple

from osie.actions.cexec import command_line
from osie.actions.environment import Environment
from osie.actions.program import warn


class Settings(NamedTuple):
    """Commands for one file system."""

    device: str
    kind: str  # of the file system
    chroot: bool
    commands: tuple[tuple[str, ...], ...]  # run in order; the first that fails is the last
    resolv_conf: bool  # whether the command sees our resolv.conf


def commands(line: str, interpreter: str) -> tuple[tuple[str, ...], ...]:
    """The argument lists: one for the interpreter, or without it one per part between semicolons.

    Warns where a shell was had in mind. Raises ValueError where the quoting is wrong.
    """
    if interpreter:
        return ((*shlex.split(interpreter), line),)
    found = command_line.commands(line)
    for words in found:
        if word := command_line.for_a_shell(words):
            warn(
                f"CMD_LINE has {word} for a word, which only a shell understands, and none reads it:"
                " set DEFAULT_INTERPRETER to '/bin/sh -c'"
            )
    return tuple(tuple(word.text for word in words) for words in found)


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
