"""Profiles: what a ramdisk contains, as TOML. Owns their form, how one extends another, and their errors."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from osie.core.errors import OsieError
from osie.image.findings import formed, nearest, sentence

_LONGEST_CHAIN = 8
_LISTS = ("packages", "without_packages", "exclude", "firmware", "kernel_parameters")
_SINGLE = ("name", "suite", "mirror", "engine", "compression", "size_budget_bytes", "memory_min_mib")


@cache
def module_classes() -> Mapping[str, tuple[str, ...]]:
    """The kernel module classes by name: see module_classes.toml."""
    text = Path(__file__).with_name("module_classes.toml").read_text()
    return {name: tuple(entries) for name, entries in tomllib.loads(text).items()}


def _known_class(name: str) -> str:
    known = sorted(module_classes())
    if name not in known:
        raise ValueError(
            f"unknown module class {name!r}{nearest(name, known)} The classes are: {', '.join(known)}"
        )
    return name


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/") or path.endswith("/"):
        raise ValueError(f"{path!r} must be an absolute path of a file, without '..'")
    return path


Package = Annotated[
    str,
    AfterValidator(formed(r"[a-z0-9][a-z0-9+.-]+", "a package: lower-case letters, digits, '+', '.', '-'")),
]
ModuleClass = Annotated[str, AfterValidator(_known_class)]
ModuleName = Annotated[
    str, AfterValidator(formed(r"[A-Za-z0-9_-]+", "a module: letters, digits, '_' and '-'"))
]
Parameter = Annotated[
    str,
    AfterValidator(
        formed(r"[^\s\"=]+(=[^\s\"]*)?", "a kernel parameter: NAME or NAME=VALUE, no space or quote")
    ),
]
Pattern = Annotated[str, AfterValidator(formed(r"(?s)/.*", "a path's pattern: it begins with '/'"))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Modules(_Strict):
    """Kernel modules: whole classes, and single ones by name."""

    classes: tuple[ModuleClass, ...] = ()
    names: tuple[ModuleName, ...] = ()


class File(_Strict):
    """One more file in the root: the text `content`, or a copy of `source` (relative to the profile)."""

    path: Annotated[str, AfterValidator(_absolute)]
    content: str | None = None
    source: Path | None = None
    mode: Annotated[str, AfterValidator(formed(r"0[0-7]{3}", "a mode: four octal digits such as 0644"))] = (
        "0644"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "File":
        if (self.content is None) == (self.source is None):
            raise ValueError("needs exactly one of 'content' and 'source'")
        return self

    def data(self) -> bytes:
        """What the file holds."""
        return self.source.read_bytes() if self.source else (self.content or "").encode()


class _Partial(_Strict):
    """One profile file by itself: anything may come from the profile that it extends."""

    name: Annotated[
        str, AfterValidator(formed(r"[a-z0-9][a-z0-9-]*", "a name: lower-case letters, digits and '-'"))
    ]
    description: Annotated[str, AfterValidator(formed(r"[^\n]*", "one line"))] = ""
    extends: str | None = None
    suite: str | None = None
    mirror: str | None = None
    packages: tuple[Package, ...] = ()
    without_packages: tuple[Package, ...] = ()
    exclude: tuple[Pattern, ...] = ()
    modules: Modules = Modules()
    firmware: tuple[Package, ...] = ()
    files: tuple[File, ...] = ()
    kernel_parameters: tuple[Parameter, ...] = ()
    engine: Literal["docker", "podman"] | None = None
    compression: Literal["zstd", "zstd-dense", "xz"] | None = None
    size_budget_bytes: Annotated[int, Field(gt=0)] | None = None
    memory_min_mib: Annotated[int, Field(ge=256)] | None = None


class Profile(_Strict):
    """What a ramdisk contains: a profile file with all that it extends taken in."""

    name: str
    description: str = ""  # one line, for `osie profile list`
    suite: str
    mirror: str = ""  # "": as mmdebstrap finds it on this host
    packages: tuple[str, ...] = Field(min_length=1)
    without_packages: tuple[str, ...] = ()  # dependencies that are left out all the same
    exclude: tuple[str, ...] = ()  # path patterns (fnmatch, `*` crosses folders) that are left out
    modules: Modules = Modules()
    firmware: tuple[str, ...] = ()  # Debian's firmware packages; only what the chosen modules ask for is kept
    files: tuple[File, ...] = ()
    kernel_parameters: tuple[str, ...] = ()  # noted in the manifest, where boots reads them
    engine: Literal["docker", "podman"] = "docker"
    compression: Literal["zstd", "zstd-dense", "xz"] = "zstd"  # of the root, the fastest first
    size_budget_bytes: int | None = None  # of kernel and initramfs together
    memory_min_mib: int = 768  # of the machine; with less the ramdisk says so and doesn't go on
    extends: tuple[str, ...] = Field(default=(), exclude=True)  # names of what was taken in
    places: Mapping[str, str] = Field(default_factory=dict, exclude=True, repr=False)  # see `place`

    def place(self, key: str, entry: str) -> str:
        """Where the entry of a list stands: the file, and the path in it."""
        return self.places.get(f"{key}:{entry}", key)


def load(name_or_path: str, folder: Path) -> Profile:
    """The profile `folder`/NAME.toml, or the one at a path. Raises OsieError with all errors at once."""
    chain, errors = _chain(_find(name_or_path, folder), folder)
    if not errors:
        try:
            return Profile.model_validate(
                {
                    **_merge(chain[::-1]),
                    "description": chain[0][1].description,
                    "extends": tuple(part.name for _, part in chain[1:]),
                    "places": {name: place for link in chain for name, place in _places(*link)},
                }
            )
        except ValidationError as error:
            errors = _sentences(chain[0][0], error)
    raise OsieError("the profile can't be used:" + "".join(f"\n    {line}" for line in errors))


def _find(name_or_path: str, folder: Path) -> Path:
    given = Path(name_or_path)
    path = given if given.suffix == ".toml" else folder / f"{name_or_path}.toml"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.toml"))
        raise OsieError(
            f"{path}: there is no such profile{nearest(given.stem, known)}",
            hint=f"profiles in {folder}: {', '.join(known) or 'none'}",
        )
    return path


def _chain(path: Path, folder: Path) -> tuple[list[tuple[Path, _Partial]], list[str]]:
    """The profile and what it extends, outermost first, and the errors of all of them."""
    found: list[tuple[Path, _Partial]] = []
    errors: list[str] = []
    seen: list[Path] = []
    while len(seen) < _LONGEST_CHAIN:
        if path.resolve() in seen:
            return found, [*errors, f"{path}: extends: the profiles extend each other in a circle"]
        seen.append(path.resolve())
        try:
            raw = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            return found, [*errors, f"{path}: not valid TOML: {error}"]
        parent = raw.get("extends")
        try:
            part = _Partial.model_validate(raw)
            errors += _missing_sources(path, part)
            found.append((path, part))
        except ValidationError as error:
            errors += _sentences(path, error)
        if not isinstance(parent, str):
            return found, errors
        try:
            path = _find(parent, path.parent if (path.parent / f"{parent}.toml").is_file() else folder)
        except OsieError as error:
            return found, [*errors, f"{path}: extends: {error}"]
    return found, [*errors, f"{path}: extends: more than {_LONGEST_CHAIN} profiles deep"]


def _missing_sources(path: Path, part: _Partial) -> list[str]:
    return [
        f"{path}: files.{number}.source: {path.parent / file.source} is not a file"
        for number, file in enumerate(part.files)
        if file.source and not (path.parent / file.source).is_file()
    ]


def _sentences(path: Path, error: ValidationError) -> list[str]:
    known = list(_Partial.model_fields)
    lines = []
    for one in error.errors(include_url=False):
        where = ".".join(str(part) for part in one["loc"]) or "(top level)"
        lines.append(f"{path}: {where}: {sentence(one, known)}")
    return lines


def _merge(chain: list[tuple[Path, _Partial]]) -> dict[str, object]:
    """One profile of several, the extended one first: lists grow, single values are replaced."""
    parts = [part for _, part in chain]
    singles = {
        key: value for part in parts for key in _SINGLE if (value := getattr(part, key)) is not None
    }  # of several values, the last stays
    return {
        **singles,
        **{key: _unique(entry for part in parts for entry in getattr(part, key)) for key in _LISTS},
        "modules": {
            key: _unique(entry for part in parts for entry in getattr(part.modules, key))
            for key in ("classes", "names")
        },
        "files": [_located(path, file) for path, part in chain for file in part.files],
    }


def _places(path: Path, part: _Partial) -> Iterator[tuple[str, str]]:
    """Each name that only Debian knows, by its list, and where it stands."""
    lists = {key: getattr(part, key) for key in ("packages", "without_packages", "firmware")}
    for key, entries in {**lists, "modules.names": part.modules.names}.items():
        for number, entry in enumerate(entries):
            yield f"{key}:{entry}", f"{path}: {key}.{number}"


def _unique(entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entries))


def _located(path: Path, file: File) -> dict[str, object]:
    source = (path.parent / file.source).resolve() if file.source else None
    return {**file.model_dump(), "source": source}
