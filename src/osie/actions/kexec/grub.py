"""GRUB's configuration, run as GRUB runs it, as far as that decides what is booted. Pure.

GRUB manual, "The list of commands". What draws, waits or loads modules does nothing here and succeeds. All
that is searched for is the file system that the configuration lies in.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

from osie.actions.kexec import loader_entries
from osie.actions.kexec.entry import BootError, Entry, Files
from osie.actions.kexec.grub_script import Block, Command, Function, If, Menu, Node, Word, expanded, parse

_MOST_COMMANDS = 20_000
_DEEPEST = 32  # calls and files within one another
_MOST_CHARACTERS = 64 * 1024  # of a variable: no configuration can fill the memory
_DEVICE = re.compile(r"^\([^)]*\)")
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


class _Item(NamedTuple):
    """A line of a menu."""

    title: str
    id: str
    body: Block
    submenu: bool = False
    entry: Entry | None = None  # of the Boot Loader Specification: its options have variables


def environment_block(text: str) -> dict[str, str]:
    """The variables in a grubenv file: 1024 bytes of NAME=VALUE lines, filled up with `#`."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name] = re.sub(r"\\(.)", r"\1", value)
    return found


def default_entry(path: str, files: Files, *, platform: str = "pc") -> Entry:
    """What GRUB would boot by the configuration file at `path`. Raises BootError.

    `platform`: `pc` for a BIOS, `efi`.
    """
    text = files.text(path)
    if text is None:
        raise BootError(f"there is no {path}")
    run = _Run(path, files, platform)
    with suppress(_Ended):
        run.block(parse(text))
    return run.chosen(path)


class _Run:
    """One run of a configuration: the variables, and what the commands set up."""

    def __init__(self, path: str, files: Files, platform: str) -> None:
        folder = str(PurePosixPath(path).parent)
        self._files = files
        self._variables = {
            **dict.fromkeys(_FEATURES, "y"),
            "prefix": f"({_HERE}){folder}",
            "config_directory": f"({_HERE}){folder}",
            "config_file": f"({_HERE}){path}",
            "root": _HERE,
            "grub_platform": platform,
            "grub_cpu": "x86_64" if platform == "efi" else "i386",
        }
        self._functions: dict[str, Block] = {}
        self._menu: list[_Item] = []
        self._steps = 0
        self._depth = 0
        self._commands = self._known_commands()
        self._kernel = ""
        self._options = ""
        self._ramdisks: tuple[str, ...] = ()
        self._other = ""  # a command that boots what isn't Linux

    def chosen(self, path: str) -> Entry:
        """The entry that is booted. Raises BootError."""
        if not self._kernel and not self._other:
            self._choose(self._variables.get("default", ""), path)
        title = self._variables.get("chosen", "")
        if not self._kernel:
            what = f"by `{self._other}`, which isn't Linux" if self._other else "no kernel"
            raise BootError(f"{path}: its default entry {title!r} starts {what}")
        return Entry(self._kernel, self._ramdisks, self._options, title)

    def _choose(self, default: str, path: str) -> None:
        for wish in (default, self._variables.get("fallback", "").partition(" ")[0], "0"):
            if self._pick(wish):
                return
        raise BootError(f"{path} has no entry to boot")

    def _pick(self, wish: str) -> bool:
        """Run the entry that is named so: its id, title or number, with `>` between it and its submenu's."""
        name, _, below = wish.partition(">")
        item = _named(name.strip(), self._menu)
        if item is None:
            return False
        self._variables["chosen"] = item.title
        if item.entry is not None:
            self._kernel = item.entry.kernel
            self._options = " ".join(expanded(item.entry.options, self._variables).split())
            ramdisks = " ".join(expanded(name, self._variables) for name in item.entry.ramdisks)
            self._ramdisks = tuple(_path(name) for name in ramdisks.split())
            return True
        self._menu = []
        with suppress(_Ended, _Returned):
            self.block(item.body)
        return not item.submenu or self._pick(below or "0") or self._pick("0")

    def block(self, nodes: Block) -> bool:
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
                if not condition or self.block(condition):
                    return self.block(body)
            return True
        if isinstance(node, Menu):
            self._menu.append(_item([text for word in node.words for text in self._expand(word)], node.body))
            return True
        if isinstance(node, Function):
            self._functions[node.name] = node.body
            return True
        return self._command(node)

    def _expand(self, word: Word) -> list[str]:
        """The words that it becomes: a variable outside of quotes is split at blanks, and none if empty."""
        words, begun = [""], False
        for part in word:
            text = self._variables.get(part.text, "") if part.variable else part.text
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
            "test": _test_in(self._files),
            "[": _test_in(self._files),
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
        self._kernel = _path(arguments[0]) if arguments else ""
        self._options = " ".join(arguments[1:])
        self._other = ""
        return True

    def _initrd(self, arguments: list[str]) -> bool:
        self._ramdisks = tuple(_path(argument) for argument in arguments if argument[:1] != "-")
        return True

    def _boots_other(self, name: str, _arguments: list[str]) -> bool:
        self._other, self._kernel = name, ""
        return True

    def _call(self, name: str, arguments: Sequence[str]) -> bool:
        places = {str(number): text for number, text in enumerate(arguments, 1)}
        kept = {place: self._variables.get(place) for place in places}
        self._variables |= places
        try:
            return self.block(self._functions[name])
        except _Returned:
            return True
        finally:
            for place, text in kept.items():
                self._variables.pop(place, None)
                if text is not None:
                    self._variables[place] = text

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
                self._variables[name] = value[:_MOST_CHARACTERS]
        return True

    def _unset(self, arguments: list[str]) -> bool:
        for name in arguments:
            self._variables.pop(name, None)
        return True

    def _load_env(self, arguments: list[str]) -> bool:
        path, wanted, words = f"{self._variables['prefix']}/grubenv", set[str](), iter(arguments)
        for word in words:
            if word in ("-f", "--file"):
                path = next(words, path)
            elif word.startswith("--file="):
                path = word.partition("=")[2]
            elif not word.startswith("-"):
                wanted.add(word)
        text = self._files.text(_path(path))
        if text is None:
            return False
        loaded = environment_block(text)
        self._variables |= {name: loaded[name] for name in loaded if not wanted or name in wanted}
        return True

    def _search(self, arguments: list[str]) -> bool:
        """Found, on our file system."""
        words = iter(arguments)
        for word in words:
            if word.startswith("--set"):
                self._variables[word.partition("=")[2] or "root"] = _HERE
        return True

    def _source(self, arguments: list[str]) -> bool:
        text = self._files.text(_path(arguments[0])) if arguments else None
        if text is None:
            return False
        block = parse(text)

        def run() -> bool:
            with suppress(_Returned):
                return self.block(block)
            return True

        return self._nested(run)

    def _blscfg(self, _arguments: list[str]) -> bool:
        for found in loader_entries.read(self._files):
            self._menu.append(_Item(found.entry.title, found.id, (), entry=found.entry))
        return True


def _boot(_arguments: list[str]) -> bool:
    raise _Ended


def _return(_arguments: list[str]) -> bool:
    raise _Returned


def _path(word: str) -> str:
    """`(hd0,gpt2)/vmlinuz` -> `/vmlinuz`: whichever device is meant, it is the one that we know."""
    return "/" + _DEVICE.sub("", word).lstrip("/")


def _item(words: Sequence[str], body: Block) -> _Item:
    kind, title, name = words[0], "", ""
    rest = iter(words[1:])
    for word in rest:
        option, equals, value = word.partition("=")
        if option in ("--id", "--class", "--users", "--hotkey", "--source"):
            value = value if equals else next(rest, "")
            name = value if option == "--id" else name
        elif not word.startswith("--"):
            title = title or word
    return _Item(title, name, body, submenu=kind == "submenu")


def _named(name: str, menu: Sequence[_Item]) -> _Item | None:
    for item in menu:
        if name and name in (item.id, item.title):
            return item
    if name.isascii() and name.isdecimal() and len(name) < 6 and int(name) < len(menu):
        return menu[int(name)]
    return None


def _test_in(files: Files) -> Callable[[list[str]], bool]:
    """The command `test`, which looks at these files."""

    def test(arguments: list[str]) -> bool:
        words = arguments[:-1] if arguments[-1:] == ["]"] else arguments
        return any(
            all(_holds(term, files) for term in _split(either, "-a")) for either in _split(words, "-o")
        )

    return test


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
        return bool(files.names(_path(operand)))
    return how in ("-e", "-f", "-s") and files.has(_path(operand))


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
