"""Templates and data made up for comparing two renderers: the whole language, and the whole of Sprig.

A seed gives the same ones again. Hypothesis would shrink what differs, and takes a second for each template;
here half of them are single calls, so that a difference is plain as it is.
"""

from collections.abc import Callable
from random import Random
from typing import Any

# What each function takes, by what it gives. "S" is text, "I" a whole number, "F" JSON's number, "N" either,
# "B" a boolean, "L" a list, "T" one of texts, "D" a map, "k" what a map holds (in no order, in Go), "A"
# anything, "n" a small number; a final "*" is any number of these. The others are kinds of texts: _CONSTANTS.
_FUNCTIONS = {
    "S": """
        trim:S upper:S lower:S title:S untitle:S repeat:nS trimAll:SS trimall:SS trimSuffix:SS
        trimPrefix:SS hello: substr:IIS nospace:S trunc:IS abbrev:IS abbrevboth:IIS initials:S wrap:nS
        wrapWith:nSS quote:A* squote:A* cat:A* indent:nS nindent:nS replace:SSS plural:SSI snakecase:S
        camelcase:S kebabcase:S swapcase:S toString:A join:ST join:SA b64enc:S b64dec:S b32enc:S
        b32dec:S toJson:A toPrettyJson:A toRawJson:A mustToJson:A mustToPrettyJson:A mustToRawJson:A
        sha1sum:S sha256sum:S sha512sum:S adler32sum:S base:S dir:S clean:S ext:S osBase:S osDir:S
        osClean:S osExt:S regexFind:RS mustRegexFind:RS regexReplaceAll:RSS regexReplaceAllLiteral:RSS
        mustRegexReplaceAll:RSS mustRegexReplaceAllLiteral:RSS regexQuoteMeta:S typeOf:A kindOf:A
        toYaml:A formatPartition:Sn netmaskToPrefixLength:S print:A* println:A* html:A* js:A*
        urlquery:A* durationRound:A duration:A seq:nnn urlJoin:U printf:PA printf:PAA printf:S
        derivePassword:nSSSS
    """,
    "I": """
        int:A int64:A atoi:S add:N* sub:NN mul:NN* div:NN mod:NN add1:N max:NN* min:NN* biggest:NN*
        len:S len:L len:D len:k toDecimal:O
    """,
    "F": "float64:A addf:N* subf:NN* mulf:NN* divf:NN* add1f:N maxf:NN* minf:NN* round:NI ceil:N floor:N",
    "B": """
        contains:SS hasPrefix:SS hasSuffix:SS empty:A not:A has:AL mustHas:AL has:Ak hasKey:DS
        regexMatch:RS mustRegexMatch:RS isAbs:S osIsAbs:S kindIs:KA typeIs:KA typeIsLike:KA deepEqual:AA
        all:A* any:A* eq:AA eq:SS eq:II eq:FF eq:AAA ne:AA ne:SS lt:II lt:FF lt:SS le:II gt:FF ge:SS
        lt:AA and:AA or:AA semverCompare:CV
    """,
    "L": """
        list:A* tuple:A* append:LA push:LA mustAppend:LA mustPush:LA prepend:LA mustPrepend:LA rest:L
        mustRest:L initial:L mustInitial:L reverse:L mustReverse:L compact:L mustCompact:L uniq:L
        mustUniq:L without:LA* mustWithout:LA slice:L slice:Ln slice:Lnn mustSlice:Lnn concat:LL*
        chunk:nL mustChunk:nL until:n untilStep:nnn sortAlpha:k pluck:SD* splitList:SS sortAlpha:L
        sortAlpha:T toStrings:L fromYaml:Y fromJson:J
    """,
    "T": """
        list:S* splitList:SS sortAlpha:T toStrings:L regexFindAll:RSI mustRegexFindAll:RSI
        regexSplit:RSI mustRegexSplit:RSI
    """,
    "D": """
        dict:SA dict:SASA dict:SASASA set:DSA unset:DS pick:DS* omit:DS* merge:DD mergeOverwrite:DD
        mustMerge:DD mustMergeOverwrite:DDD split:SS splitn:SnS deepCopy:D mustDeepCopy:D fromJson:J
        mustFromJson:J fromYaml:Y urlParse:U semver:V
    """,
    "A": """
        default:AA default:SS default:IA default:FA coalesce:A* ternary:AAB first:L mustFirst:L last:L
        mustLast:L get:DS dig:SAD index:LI index:DS index:A index:SI and:AA or:AA and:AAA or:ABA
        index:LII slice:SII slice:LI
    """,
}
_TEXTS = [
    *("", "a", "ab c", "  x ", "A-b_c", "élan ß", "a,b,,c", "<&>'\"", "1", "0", "-3", "1.5", "0x1f", "true"),
    *(
        "null",
        "10.0.0.1",
        "255.255.255.0",
        "/dev/sda",
        "/dev/nvme0n1",
        "a/b/../c.tar.gz",
        "line\nnext",
        "tab\t",
    ),
    *(
        "1h2m3s",
        "日本語",
        "%d %s",
        "b25l",
        "1e3",
        "-",
        "~",
        "yes",
        "k: v",
        "- x",
        "a.b.c",
        "fooBar baz",
        "012",
    ),
    *("9223372036854775808", "😀x", "a", "b", "name", "size", "s"),
]
_PATTERNS = ["a", "[a-z]+", "(a)(b)?", "^x*$", r"\d+", ".", "(?i)A", "[", "b*", r"\s", "(?P<n>a)"]
_YAMLS = [
    *(
        "a: 1",
        "- 1\n- x",
        "x",
        "1",
        "1.0",
        "null",
        "",
        "a: {b: [1, 2.5, true, ~]}",
        "'y'",
        "y",
        "a: 010",
        "[",
    ),
    *("a: 1\na: 2", "1e6", "0x1F", "1: x", "a: 2020-01-01", "a: 12:30", "<<: {a: 1}\nb: 2", "--- 1"),
]
_JSONS = [
    *('{"a":1,"b":[1,2.5,"x",null,true]}', "[1,2]", "3", '"s"', "null", "{", "", "1e6", '{"a":{}}', "1 2"),
]
_FORMATS = [
    *(
        "%v",
        "%s",
        "%d",
        "%q",
        "%x",
        "%5.2f",
        "%t",
        "%T",
        "%+v",
        "%#v",
        "%05d",
        "%-6s|",
        "%e",
        "%g",
        "%c",
        "%U",
    ),
    *("%%", "%z", "%s %s", "%v-%v", "%6.2f|%s", "%.3s", "%X", "%o", "%b", "%*d", "%[1]v %[1]T", "% d", "%+d"),
    *("%10v|", "%.0f"),
]
_KINDS_OF_GO = ["string", "int", "float64", "map", "slice", "bool", "invalid", "map[string]interface {}"]
_CONSTANTS = {
    "S": _TEXTS,
    "R": _PATTERNS,
    "Y": _YAMLS,
    "J": _JSONS,
    "P": _FORMATS,
    "U": ["http://u:p@h:80/a/b?x=1#f", "/p", "", "h:80", "mailto:x", "http://[::1]/%41"],
    "V": ["1.2.3", "v1.2", "1.2.3-rc.1+b", "x", "", "0.0.1"],
    "C": ["^1.2.0", ">=1.0 <2", "~1", "*", "1.2.x", "!!", "=1.2.3"],
    "K": _KINDS_OF_GO,
    "O": ["777", "8", "x", "0"],
}
_LARGE = ["1000000", "2147483648", "9007199254740993", "9223372036854775807", "-9223372036854775808", "100"]
_NUMBERS = {
    "I": ["0x1F", "010", "0b11", "1_000", "'a'", "0o7", *_LARGE, *(str(n) for n in range(-3, 12))],
    "F": ["1.5", "-0.25", "1e3", "1e21", "1e-7", "3.0", "100000.0", "0.1", "1234567.0", "1e6"],
    "B": ["true", "false"],
    "n": ["0", "1", "2", "3", "5"],
}
_INTERFACE = "(index .Hardware.Interfaces 0)"
_WRONG = [".missing", ".tree.missing", ".text.x", ".list.x", ".nothing.x", f"{_INTERFACE}.DHCP.Nope", "nil"]
_FIELDS = {
    "S": [".text", ".other", ".map.s", ".tree.name", "$.text", f"{_INTERFACE}.DHCP.MAC"],
    "I": [f"{_INTERFACE}.DHCP.LeaseTime", f"{_INTERFACE}.DHCP.IP.Family", "(len .list)"],
    "F": [".number", ".tree.size", ".whole", ".tiny", ".huge"],
    "B": [".flag", ".tree.on", f"{_INTERFACE}.DHCP.UEFI"],
    "L": [".list", ".mixed", ".tree.items", ".empty_list"],
    "T": [".texts", ".Hardware.Disks", f"{_INTERFACE}.DHCP.NameServers"],
    "D": [".map", ".tree", ".empty_map", ".odd", ".hardware.spec", ".references"],
    "A": [*_WRONG, ".nothing", "$.map", ".hardware", '(index .odd "a b")', ".Hardware.Metadata.State"],
}
_KINDS = "SIFBLTD"
_TABLE = {
    kind: [tuple(each.split(":")) for each in functions.split()] for kind, functions in _FUNCTIONS.items()
}
NAMES = sorted({name for functions in _TABLE.values() for name, _ in functions})


def _constant(text: str) -> str:
    return '"' + text.translate({92: "\\\\", 34: '\\"', 10: "\\n", 9: "\\t"}) + '"'


class Maker:
    """Makes templates, and data for them."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def _one_in(self, number: int) -> bool:
        return self._random.randrange(number) == 0

    def _argument(self, kind: str, depth: int, variables: bool) -> str:
        """What may stand as an argument, of that kind."""
        if kind == "N":
            kind = self._random.choice("IIFFS")
        if kind == "k":
            return f"({self._random.choice(['keys', 'values'])} {self._argument('D', depth, variables)})"
        if kind in _CONSTANTS and kind != "S":
            return _constant(self._random.choice(_CONSTANTS[kind]))
        if kind in _KINDS and self._one_in(60):
            kind = self._random.choice(_KINDS + "A")  # not what the function takes
        elif kind == "A" and not self._one_in(20):
            kind = self._random.choice(_KINDS)
        if variables and self._one_in(6):
            return self._random.choice(["$x", "$y"])
        way = self._random.random()
        if kind in _TABLE and depth and way < 0.35:
            return f"({self._call(kind, depth - 1, variables)})"
        if kind in _FIELDS and (way < 0.65 or kind in "LTDA"):
            return self._random.choice(_FIELDS[kind])
        return (
            self._random.choice(_NUMBERS[kind])
            if kind in _NUMBERS
            else _constant(self._random.choice(_TEXTS))
        )

    def _call(self, kind: str, depth: int, variables: bool) -> str:
        """A function with its arguments, now and then by a pipe, or not as many as it takes."""
        if kind == "A" and not self._one_in(8):
            kind = self._random.choice(_KINDS)
        name, takes = self._random.choice(_TABLE[kind])
        if takes.endswith("*"):
            takes = takes[:-2] + takes[-2] * self._random.randrange(4)
        arguments = [self._argument(each, depth, variables) for each in takes]
        if self._one_in(50):
            arguments = arguments[:-1] if self._one_in(2) else [*arguments, '"more"']
        if arguments and self._one_in(5):
            return " ".join([arguments[-1], "|", name, *arguments[:-1]])
        return " ".join([name, *arguments])

    def _pipeline(self, variables: bool, kind: str = "A") -> str:
        if self._one_in(4):
            return self._argument(kind, 1, variables)
        return self._call(kind, 1, variables)

    def _braced(self, inner: str) -> str:
        return self._random.choice(["{{", "{{ ", "{{- "]) + inner + self._random.choice(["}}", " }}", " -}}"])

    def _body(self, depth: int, loop: bool = False, variables: bool = False) -> str:
        """Text and actions in a row."""
        texts = ["", " ", "a", "x: ", "\n", "\n  - b", " }} ", "é", "{ x }", "'", "\t\n "]
        parts = [self._random.choice(texts)]
        for _ in range(self._random.randint(1, 2)):
            parts += [self._action(depth, loop, variables), self._random.choice(texts)]
        return "".join(parts)

    def _action(self, depth: int, loop: bool, variables: bool) -> str:
        ways: list[Callable[[int, bool, bool], str]] = [self._output, self._small]
        if depth:
            ways += [self._branch, self._loop, self._loop, self._set, self._named]
        return self._random.choice(ways)(depth - 1, loop, variables)

    def _output(self, _depth: int, _loop: bool, variables: bool) -> str:
        return self._braced(self._pipeline(variables))

    def _small(self, _depth: int, loop: bool, _variables: bool) -> str:
        ways = ["/* a comment */", "- /* trimmed */ -", '"constant"', "1", "true", "``", ""]
        return "{{" + self._random.choice(ways + ["break", "continue"] * 3 * loop) + "}}"

    def _branch(self, depth: int, loop: bool, variables: bool) -> str:
        word = self._random.choice(["if", "with"])
        otherwise = self._random.choice(
            ["", "{{ else }}", f"{{{{ else {word} {self._pipeline(variables)} }}}}"]
        )
        body = self._body(depth, loop, variables)
        other = self._body(depth, loop, variables) if otherwise else ""
        return f"{self._braced(f'{word} {self._pipeline(variables)}')}{body}{otherwise}{other}{{{{ end }}}}"

    def _loop(self, depth: int, loop: bool, variables: bool) -> str:
        over = self._pipeline(variables, self._random.choice("LLDDTI"))
        bound = self._random.choice(["", "$x := ", "$x, $y := "])
        item = "{{ $x }}" if bound else "{{ . }}"
        inner = self._body(depth, loop=True, variables=bound.startswith("$x, ") or variables)
        otherwise = "{{ else }}" + self._body(depth, loop, variables) if self._one_in(2) else ""
        return f"{self._braced(f'range {bound}{over}')}{item}{inner}{otherwise}{{{{ end }}}}"

    def _set(self, depth: int, loop: bool, variables: bool) -> str:
        first, second = self._pipeline(variables), self._pipeline(variables)
        assigned = self._random.choice(["", "{{ $x = $y }}", f"{{{{ $x = {self._pipeline(variables)} }}}}"])
        inner = self._body(depth, loop, variables=True)
        return f"{{{{ $x := {first} }}}}{{{{ $y := {second} }}}}{assigned}{{{{ $x }}}}{inner}"

    def _named(self, depth: int, _loop: bool, variables: bool) -> str:
        if self._one_in(3):
            return f'{{{{ block "{self._random.randrange(10**6)}" . }}}}{self._body(depth)}{{{{ end }}}}'
        given = self._random.choice([".", "$", "", self._argument("A", 1, variables)])
        return f'{{{{ template "{self._random.choice(["one", "two"])}" {given} }}}}'

    def template(self) -> str:
        """A whole template: half of them a single call, by whose fault a difference is plain."""
        if self._one_in(2):
            return f"{{{{ {self._pipeline(variables=False)} }}}}"
        named = "".join(f'{{{{ define "{name}" }}}}{self._body(1)}{{{{ end }}}}' for name in ("one", "two"))
        body = self._body(2)
        return named + body if "{{ template" in body else body

    def _value(self, depth: int = 2) -> Any:
        way = self._random.randrange(8 if depth else 5)
        if way < 5:
            numbers = [0, 1, -1, 7, 2.5, 1e6, 1234567, 2**53, 1e21, 1e-7, 0.1]
            return self._random.choice([None, True, False, *numbers, *self._random.sample(_TEXTS, 8)])
        if way == 5:
            return [self._value(depth - 1) for _ in range(self._random.randrange(4))]
        names = self._random.sample(["a", "b", "name", "a b", "", "1", "é", "Z"], self._random.randrange(4))
        return {name: self._value(depth - 1) for name in names}

    def data(self) -> dict[str, Any]:
        """What a template may name, as JSON has it."""
        text, number = self._random.choice(_TEXTS), self._random.choice([0, 1, -1, 2.5, 1e6, 3e9, 1e21, 7])
        return {
            "text": text,
            "other": self._random.choice(_TEXTS),
            "number": number,
            "tiny": 1e-7,
            "whole": self._random.randrange(10),
            "huge": 123456789012,
            "flag": self._one_in(2),
            "nothing": None,
            "empty_list": [],
            "empty_map": {},
            "list": [self._random.choice([text, number, "b", 3]) for _ in range(self._random.randrange(4))],
            "texts": self._random.sample(_TEXTS, self._random.randrange(4)),
            "mixed": [self._value() for _ in range(self._random.randrange(4))],
            "map": {"s": self._random.choice(_TEXTS), "b": self._value()},
            "odd": {"a b": self._value(), "": 1, "1": "one", "é": None},
            "tree": {
                "name": text,
                "size": number,
                "on": self._one_in(2),
                "nothing": None,
                "items": [self._value() for _ in range(self._random.randrange(4))],
            },
        }
