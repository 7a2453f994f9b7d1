"""The syntax of GRUB's configuration: text to commands. Pure.

GRUB manual, "Writing full configuration files directly". Loops are read and left out: what grub-mkconfig
writes has none.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from osie.actions.kexec.entry import BootError

_DEEPEST = 32  # blocks within blocks


class Part(NamedTuple):
    """A piece of a word: literal text, or a variable's name."""

    text: str
    variable: bool = False
    quoted: bool = False


Word = tuple[Part, ...]


class Command(NamedTuple):
    """A command and its arguments."""

    words: tuple[Word, ...]


class If(NamedTuple):
    """`if`, `elif`: conditions with what follows each; an `else` has no condition."""

    branches: tuple[tuple["Block", "Block"], ...]


class Menu(NamedTuple):
    """`menuentry` or `submenu`."""

    words: tuple[Word, ...]  # the first one says which
    body: "Block"


class Function(NamedTuple):
    """`function NAME { ... }`."""

    name: str
    body: "Block"


Node = Command | If | Menu | Function
Block = tuple[Node, ...]

_SPACE = re.compile(r"(?:[ \t\r]|\\\r?\n|#[^\n]*)+")
_PART = re.compile(
    r"""'(?P<single>[^']*)'
    |"(?P<double>(?:[^"\\]|\\.)*)"
    |\\(?P<escaped>.)
    |\$(?:\{(?P<braced>\w+|[?*\#@])\}|(?P<bare>\w+|[?*\#@]))
    |(?P<plain>[^\s;'"\\$]+|\$)""",
    re.VERBOSE | re.DOTALL,
)
_IN_DOUBLE = re.compile(
    r"\\(?P<escaped>[\\\"$])|\\\n|\$(?:\{(?P<braced>\w+|[?*#@])\}|(?P<bare>\w+|[?*#@]))|(?P<plain>[^$\\]+|.)",
    re.DOTALL,
)
_BRACE = re.compile(r"[{}](?=[\s;]|$)")
_DEVICE = re.compile(r"^\([^)]*\)")
_RESERVED = frozenset({"if", "then", "elif", "else", "fi", "while", "until", "for", "do", "done", "function"})


def parse(text: str) -> Block:
    """The commands in the text. Raises BootError where it isn't GRUB's language."""
    parser = _Parser(list(_pieces(text)))
    block = parser.block(())
    if not parser.at_end:
        raise BootError(f"the boot loader's configuration has {parser.shown} where nothing ends")
    return block


def expanded(text: str, variables: dict[str, str]) -> str:
    """The text with its $VARIABLES replaced, as in double quotes."""
    return "".join(variables.get(part.text, "") if part.variable else part.text for part in _in_double(text))


def path_of(word: str) -> str:
    """`(hd0,gpt2)/vmlinuz` -> `/vmlinuz`: whichever device is meant, it is the one that we know."""
    return "/" + _DEVICE.sub("", word).lstrip("/")


def _in_double(text: str) -> Iterator[Part]:
    for match in _IN_DOUBLE.finditer(text):
        if name := match["braced"] or match["bare"]:
            yield Part(name, variable=True, quoted=True)
        else:
            yield Part(match["escaped"] or match["plain"] or "", quoted=True)


def _pieces(text: str) -> Iterator[Word | str]:
    """Words; and `;`, `{` and `}` as they are. A newline is a `;`."""
    at = 0
    while at < len(text):
        if space := _SPACE.match(text, at):
            at = space.end()
        elif text[at] in ";\n":
            yield ";"
            at += 1
        elif _BRACE.match(text, at):
            yield text[at]
            at += 1
        else:
            word, at = _word(text, at)
            yield word


def _word(text: str, at: int) -> tuple[Word, int]:
    parts: list[Part] = []
    while at < len(text) and not text[at].isspace() and text[at] != ";":
        match = _PART.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise BootError(f"line {line} of the boot loader's configuration has a quote that isn't closed")
        at = match.end()
        if match["double"] is not None:
            parts += _in_double(match["double"]) if match["double"] else [Part("", quoted=True)]
        elif name := match["braced"] or match["bare"]:
            parts.append(Part(name, variable=True))
        elif match["single"] is not None:
            parts.append(Part(match["single"], quoted=True))
        elif match["escaped"] is not None:
            parts.append(Part("" if match["escaped"] == "\n" else match["escaped"], quoted=True))
        else:
            parts.append(Part(match["plain"]))
    return tuple(parts), at


class _Parser:
    def __init__(self, pieces: list[Word | str]) -> None:
        self._pieces = pieces
        self._at = 0
        self._depth = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._pieces)

    @property
    def shown(self) -> str:
        piece = self._pieces[self._at]
        return repr(piece if isinstance(piece, str) else "".join(part.text for part in piece))

    def block(self, ends: Collection[str]) -> Block:
        """The commands up to one of these words, which is left to be read."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BootError(f"the boot loader's configuration nests deeper than {_DEEPEST}")
        nodes: list[Node] = []
        while not self.at_end:
            word = self._reserved()
            if word in ends:
                break
            if self._pieces[self._at] == ";":
                self._at += 1
                continue
            node = self._node(word)
            if node is not None:
                nodes.append(node)
        self._depth -= 1
        return tuple(nodes)

    def _reserved(self) -> str:
        """The reserved word, brace or menu's word that comes next; "": it is another."""
        if self.at_end:
            return ""
        piece = self._pieces[self._at]
        if isinstance(piece, str):
            return "" if piece == ";" else piece
        if len(piece) == 1 and not piece[0].variable and not piece[0].quoted:
            text = piece[0].text
            return text if text in _RESERVED or text in ("menuentry", "submenu") else ""
        return ""

    def _node(self, word: str) -> Node | None:
        if word == "if":
            return self._if()
        if word == "function":
            self._at += 1
            name = self._words()
            return Function("".join(p.text for p in name[0]) if name else "", self._braced())
        if word in ("menuentry", "submenu"):
            return Menu(self._words(), self._braced())
        if word in ("while", "until", "for"):
            self._at += 1
            self._between("do")
            self._between("done")
            return None
        if word:
            raise BootError(f"the boot loader's configuration has {self.shown} where a command should be")
        return Command(self._words())

    def _words(self) -> tuple[Word, ...]:
        words: list[Word] = []
        while not self.at_end:
            piece = self._pieces[self._at]
            if isinstance(piece, str):
                break
            words.append(piece)
            self._at += 1
        return tuple(words)

    def _braced(self) -> Block:
        while not self.at_end and self._pieces[self._at] == ";":
            self._at += 1
        self._take("{")
        body = self.block(("}",))
        self._take("}")
        return body

    def _between(self, end: str) -> Block:
        body = self.block((end,))
        self._take(end)
        return body

    def _take(self, word: str) -> None:
        if self._reserved() != word:
            found = "its end" if self.at_end else self.shown
            raise BootError(f"the boot loader's configuration has {found} where {word!r} should be")
        self._at += 1

    def _if(self) -> If:
        branches: list[tuple[Block, Block]] = []
        self._at += 1
        while True:
            condition = self._between("then")
            branches.append((condition, self.block(("elif", "else", "fi"))))
            word = self._reserved()
            if word == "elif":
                self._at += 1
                continue
            if word == "else":
                self._at += 1
                branches.append(((), self.block(("fi",))))
            self._take("fi")
            return If(tuple(branches))
