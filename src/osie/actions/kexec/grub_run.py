"""One run of GRUB's configuration: its commands, as far as they decide what is booted. Pure.

GRUB manual, "The list of commands". What draws, waits or loads modules does nothing here and succeeds. All
that is searched for is the file system that the configuration lies in.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

from osie.actions.kexec import grub_condition, loader_entries
from osie.actions.kexec.entry import BootError, Entry, Files
from osie.actions.kexec.grub_script import (
    Block,
    Command,
    Function,
    If,
    Menu,
    Node,
    Word,
    expanded,
    parse,
    path_of,
)

_MOST_COMMANDS = 20_000
_DEEPEST = 32  # calls and files within one another
_MOST_CHARACTERS = 64 * 1024  # of a variable: no configuration can fill the memory
_HERE = "osie"  # the device of the only file system that we know
_FEATURES = (
    "feature_200_final",
    "feature_all_video_module",
    "feature_chainloader_bpb",
    "feature_default_font_path",
    "feature_menuentry_id",
    "feature_menuentry_options",
    "feature_nativedisk_cmd",
    "feature_platform_search_hint",
    "feature_timeout_style",
)
_LINUX = ("linux", "linux16", "linuxefi")
_INITRD = ("initrd", "initrd16", "initrdefi")
_OTHERS = ("multiboot", "multiboot2", "chainloader", "xen_hypervisor", "ntldr", "freedos", "fwsetup")


class _Ended(Exception):
    """`boot`: nothing after it counts."""


class _Returned(Exception):
    """`return`: the function, or the file, is over."""


class Item(NamedTuple):
    """A line of a menu."""

    title: str
    id: str
    body: Block
    submenu: bool = False
    entry: Entry | None = None  # of the Boot Loader Specification: its options have variables


def _environment_block(text: str) -> dict[str, str]:
    """The variables in a grubenv file: 1024 bytes of NAME=VALUE lines, filled up with `#`."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name] = re.sub(r"\\(.)", r"\1", value)
    return found


class Run:
    """The variables, the menu, and what is to be booted, as the commands so far set them up."""

    def __init__(self, path: str, files: Files, platform: str) -> None:
        folder = str(PurePosixPath(path).parent)
        self._files = files
        self.variables = {
            **dict.fromkeys(_FEATURES, "y"),
            "prefix": f"({_HERE}){folder}",
            "config_directory": f"({_HERE}){folder}",
            "config_file": f"({_HERE}){path}",
            "root": _HERE,
            "grub_platform": platform,
            "grub_cpu": "x86_64" if platform == "efi" else "i386",
        }
        self.menu: list[Item] = []
        self.kernel = ""
        self.options = ""
        self.ramdisks: tuple[str, ...] = ()
        self.other = ""  # a command that boots what isn't Linux
        self._functions: dict[str, Block] = {}
        self._steps = 0
        self._depth = 0
        self._commands = self._known_commands()

    def until_end(self, nodes: Block) -> None:
        """Run the commands of a file or an entry."""
        with suppress(_Ended, _Returned):
            self._block(nodes)

    def take(self, entry: Entry) -> None:
        """Boot an entry of the Boot Loader Specification."""
        self.kernel = entry.kernel
        self.options = " ".join(expanded(entry.options, self.variables).split())
        ramdisks = " ".join(expanded(name, self.variables) for name in entry.ramdisks)
        self.ramdisks = tuple(path_of(name) for name in ramdisks.split())

    def _block(self, nodes: Block) -> bool:
        """Run the commands; whether the last one succeeded."""
        succeeded = True
        for node in nodes:
            succeeded = self._node(node)
        return succeeded

    def _node(self, node: Node) -> bool:
        self._steps += 1
        if self._steps > _MOST_COMMANDS:
            raise BootError(f"the boot loader's configuration runs more than {_MOST_COMMANDS} commands")
        if isinstance(node, If):
            for condition, body in node.branches:
                if not condition or self._block(condition):
                    return self._block(body)
            return True
        if isinstance(node, Menu):
            self.menu.append(_item([text for word in node.words for text in self._expand(word)], node.body))
            return True
        if isinstance(node, Function):
            self._functions[node.name] = node.body
            return True
        return self._command(node)

    def _expand(self, word: Word) -> list[str]:
        """The words that it becomes: a variable outside of quotes is split at blanks, and none if empty."""
        words, begun = [""], False
        for part in word:
            text = self.variables.get(part.text, "") if part.variable else part.text
            if part.quoted or not part.variable:
                words[-1] += text
                begun = True
                continue
            first, *more = text.split() or [""]
            words[-1] += first
            words += more
            begun = begun or bool(text.split())
        return words if begun else []

    def _command(self, command: Command) -> bool:
        words = [text for word in command.words for text in self._expand(word)]
        if not words:
            return True
        name, *arguments = words
        if name in self._functions:
            return self._nested(lambda: self._call(name, arguments))
        if name in self._commands:
            return self._commands[name](arguments)
        variable, equals, _ = name.partition("=")
        return self._set(words) if equals and variable.isidentifier() else True

    def _known_commands(self) -> Mapping[str, Callable[[list[str]], bool]]:
        return {
            "set": self._set,
            "unset": self._unset,
            "load_env": self._load_env,
            "search": self._search,
            "test": self._test,
            "[": self._test,
            "source": self._source,
            ".": self._source,
            "configfile": self._source,
            "blscfg": self._blscfg,
            "false": lambda _: False,
            "hwmatch": lambda _: False,
            "return": _return,
            "boot": _boot,
            **dict.fromkeys(_LINUX, self._linux),
            **dict.fromkeys(_INITRD, self._initrd),
            **{name: partial(self._boots_other, name) for name in _OTHERS},
        }

    def _linux(self, arguments: list[str]) -> bool:
        self.kernel = path_of(arguments[0]) if arguments else ""
        self.options = " ".join(arguments[1:])
        self.other = ""
        return True

    def _initrd(self, arguments: list[str]) -> bool:
        self.ramdisks = tuple(path_of(argument) for argument in arguments if argument[:1] != "-")
        return True

    def _boots_other(self, name: str, _arguments: list[str]) -> bool:
        self.other, self.kernel = name, ""
        return True

    def _call(self, name: str, arguments: Sequence[str]) -> bool:
        places = {str(number): text for number, text in enumerate(arguments, 1)}
        kept = {place: self.variables.get(place) for place in places}
        self.variables |= places
        try:
            return self._block(self._functions[name])
        except _Returned:
            return True
        finally:
            for place, text in kept.items():
                self.variables.pop(place, None)
                if text is not None:
                    self.variables[place] = text

    def _nested(self, run: Callable[[], bool]) -> bool:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BootError(f"the boot loader's configuration calls itself deeper than {_DEEPEST}")
        try:
            return run()
        finally:
            self._depth -= 1

    def _set(self, arguments: list[str]) -> bool:
        for argument in arguments[:1]:
            name, equals, value = argument.partition("=")
            if equals:
                self.variables[name] = value[:_MOST_CHARACTERS]
        return True

    def _unset(self, arguments: list[str]) -> bool:
        for name in arguments:
            self.variables.pop(name, None)
        return True

    def _load_env(self, arguments: list[str]) -> bool:
        path, wanted, words = f"{self.variables['prefix']}/grubenv", set[str](), iter(arguments)
        for word in words:
            if word in ("-f", "--file"):
                path = next(words, path)
            elif word.startswith("--file="):
                path = word.partition("=")[2]
            elif not word.startswith("-"):
                wanted.add(word)
        text = self._files.text(path_of(path))
        if text is None:
            return False
        loaded = _environment_block(text)
        self.variables |= {name: loaded[name] for name in loaded if not wanted or name in wanted}
        return True

    def _test(self, arguments: list[str]) -> bool:
        return grub_condition.holds(arguments, self._files)

    def _search(self, arguments: list[str]) -> bool:
        """Found, on our file system."""
        words = iter(arguments)
        for word in words:
            if word.startswith("--set"):
                self.variables[word.partition("=")[2] or "root"] = _HERE
        return True

    def _source(self, arguments: list[str]) -> bool:
        text = self._files.text(path_of(arguments[0])) if arguments else None
        if text is None:
            return False
        block = parse(text)

        def run() -> bool:
            with suppress(_Returned):
                return self._block(block)
            return True

        return self._nested(run)

    def _blscfg(self, _arguments: list[str]) -> bool:
        for found in loader_entries.read(self._files):
            self.menu.append(Item(found.entry.title, found.id, (), entry=found.entry))
        return True


def _boot(_arguments: list[str]) -> bool:
    raise _Ended


def _return(_arguments: list[str]) -> bool:
    raise _Returned


def _item(words: Sequence[str], body: Block) -> Item:
    kind, title, name = words[0], "", ""
    rest = iter(words[1:])
    for word in rest:
        option, equals, value = word.partition("=")
        if option in ("--id", "--class", "--users", "--hotkey", "--source"):
            value = value if equals else next(rest, "")
            name = value if option == "--id" else name
        elif not word.startswith("--"):
            title = title or word
    return Item(title, name, body, submenu=kind == "submenu")
