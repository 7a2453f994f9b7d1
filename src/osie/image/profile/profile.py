"""Profiles: what a ramdisk contains, as TOML. Owns their form, how one extends another, and their errors."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

import osie
from osie.contracts.artifacts import EMBEDDED_WORKER
from osie.contracts.image_reference import Reference
from osie.core.errors import OsieError
from osie.image.profile import inside
from osie.image.profile.classes import firmware_classes, known_class, module_classes
from osie.image.profile.findings import formed, nearest, sentence

_LONGEST_CHAIN = 8
_LONGEST_NAME = 255  # in bytes, of one file: NAME_MAX
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MOST_MEMORY_MIB = 1 << 26  # 64 TiB, as much as x86-64 addresses with four levels of page tables
_LISTS = ("packages", "without_packages", "exclude", "kernel_parameters")
_TABLES = {"modules": ("classes", "names"), "firmware": ("classes", "packages")}
_SINGLE = ("name", "suite", "mirror", "engine", "compression", "size_budget_bytes", "memory_min_mib")


@cache
def actions() -> tuple[str, ...]:
    """The names of Osie's own actions, as `images.action` has them."""
    found = Path(osie.__file__).parent.glob("actions/*/__main__.py")
    return tuple(sorted(path.parent.name.replace("_", "-") for path in found))


def _known_module_class(name: str) -> str:
    return known_class("module", name, module_classes())


def _known_firmware_class(name: str) -> str:
    return known_class("firmware", name, firmware_classes())


def _known_action(name: str) -> str:
    if name not in actions():
        raise ValueError(
            f"unknown action {name!r}{nearest(name, actions())} The actions are: {', '.join(actions())}"
        )
    return name


def _reference(name: str) -> str:
    if Reference.parse(name).canonical == Reference.parse(EMBEDDED_WORKER).canonical:
        raise ValueError(f"{name!r} is the worker's own image, which every ramdisk has")
    return name


def _no_list(firmware: object) -> object:
    """It was a list of packages once."""
    if isinstance(firmware, list):
        raise ValueError("must be a table, [firmware], with 'packages' and 'classes'")  # noqa: TRY004 - pydantic's
    return firmware


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/") or path.endswith(("/", "/.")):
        raise ValueError(f"{path!r} must be an absolute path of a file, without '..'")
    if _CONTROL.search(path) or any(len(name.encode()) > _LONGEST_NAME for name in path.split("/")):
        raise ValueError(f"{path!r} can't be the path of a file")
    if reason := inside.why_not(path):
        raise ValueError(f"{path!r} can't be: {reason}")
    return path


Package = Annotated[
    str,
    AfterValidator(formed(r"[a-z0-9][a-z0-9+.-]+", "a package: lower-case letters, digits, '+', '.', '-'")),
]
ModuleClass = Annotated[str, AfterValidator(_known_module_class)]
FirmwareClass = Annotated[str, AfterValidator(_known_firmware_class)]
Action = Annotated[str, AfterValidator(_known_action)]
ImageName = Annotated[str, AfterValidator(_reference)]
ModuleName = Annotated[
    str, AfterValidator(formed(r"[A-Za-z0-9_-]+", "a module: letters, digits, '_' and '-'"))
]
Parameter = Annotated[
    str,
    AfterValidator(
        formed(
            r"[^\s\"=\x00-\x1f\x7f-\x9f]+(=[^\s\"\x00-\x1f\x7f-\x9f]*)?",
            "a kernel parameter: NAME or NAME=VALUE, no space, quote or control character",
        )
    ),
]
# Both are words on mmdebstrap's command line, where one that begins with "-" is an option.
Suite = Annotated[
    str, AfterValidator(formed(r"[A-Za-z0-9][A-Za-z0-9+._/-]*", "a suite of Debian's, such as trixie"))
]
Mirror = Annotated[
    str,
    AfterValidator(formed(r"([^-\s][^\x00-\x08\x0b-\x1f\x7f]*)?", "a URL, or a line of sources.list(5)")),
]
Pattern = Annotated[str, AfterValidator(formed(r"(?s)/.*", "a path's pattern: it begins with '/'"))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Modules(_Strict):
    """Kernel modules: whole classes, and single ones by name."""

    classes: tuple[ModuleClass, ...] = ()
    names: tuple[ModuleName, ...] = ()


class Firmware(_Strict):
    """Debian's firmware packages: whole classes, and single ones by name. The modules decide what is kept."""

    classes: tuple[FirmwareClass, ...] = ()
    packages: tuple[Package, ...] = ()

    @property
    def all_packages(self) -> tuple[str, ...]:
        """The packages, classes spelled out."""
        of_classes = (package for name in self.classes for package in firmware_classes()[name])
        return _unique([*of_classes, *self.packages])


class Image(_Strict):
    """One container image more: of one of Osie's own actions, or in a file (relative to the profile)."""

    name: ImageName  # what workers are handed
    action: Action | None = None
    source: Path | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Image":
        if (self.action is None) == (self.source is None):
            raise ValueError("needs exactly one of 'action' and 'source'")
        if self.action and self.reference.digest:
            raise ValueError("an action's name can't have a digest: each build of it may have another")
        return self

    @property
    def reference(self) -> Reference:
        """The name taken apart."""
        return Reference.parse(self.name)


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
    description: Annotated[str, AfterValidator(formed(r"[^\x00-\x08\x0a-\x1f\x7f]*", "one line"))] = ""
    extends: str | None = None
    suite: Suite | None = None
    mirror: Mirror | None = None
    packages: tuple[Package, ...] = ()
    without_packages: tuple[Package, ...] = ()
    exclude: tuple[Pattern, ...] = ()
    modules: Modules = Modules()
    firmware: Annotated[Firmware, BeforeValidator(_no_list)] = Firmware()
    files: tuple[File, ...] = ()
    images: tuple[Image, ...] = ()
    kernel_parameters: tuple[Parameter, ...] = ()
    engine: Literal["docker", "podman"] | None = None
    compression: Literal["zstd", "zstd-dense", "xz"] | None = None
    size_budget_bytes: Annotated[int, Field(gt=0, strict=True)] | None = None
    memory_min_mib: Annotated[int, Field(ge=256, le=_MOST_MEMORY_MIB, strict=True)] | None = None


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
    firmware: Firmware = Firmware()
    files: tuple[File, ...] = ()
    images: tuple[Image, ...] = ()  # besides the worker's
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
            loaded = Profile.model_validate(
                {
                    **_merge(chain[::-1]),
                    "description": chain[0][1].description,
                    "extends": tuple(part.name for _, part in chain[1:]),
                    "places": {name: place for link in chain[::-1] for name, place in _places(*link)},
                }
            )
            errors = list(_below_files(loaded))
            if not errors:
                return loaded
        except ValidationError as error:
            errors = _sentences(chain[0][0], error)
    raise OsieError("the profile can't be used:" + "".join(f"\n    {line}" for line in errors))


def _below_files(profile: Profile) -> Iterator[str]:
    files = {inside.plain(file.path): file.path for file in profile.files}
    for path, written in files.items():
        for parent in map(str, PurePosixPath(path).parents):
            if parent in files:
                place = profile.place("files", files[parent])
                yield f"{profile.place('files', written)}.path: {written!r} is below a file, that of {place}"


def _extended(by: Path, parent: str, folder: Path) -> Path:
    """The profile that the one at `by` extends: one beside it that isn't itself, else one in `folder`."""
    name = parent if parent.endswith(".toml") else f"{parent}.toml"
    beside = by.parent / name
    if beside.is_file() and beside.resolve() != by.resolve():
        return beside
    if (folder / name).is_file():
        return folder / name
    return _find(str(beside) if parent.endswith(".toml") else parent, folder)


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
        except ValueError as error:  # tomllib's own, of UTF-8, of an integer's length
            return found, [*errors, f"{path}: not valid TOML: {error}"]
        except RecursionError:
            return found, [*errors, f"{path}: not a profile: lists or tables nested too deep"]
        parent = raw.get("extends")
        try:
            part = _Partial.model_validate(raw)
            errors += [*_missing_sources(path, part), *_named_twice(path, part)]
            found.append((path, part))
        except ValidationError as error:
            errors += _sentences(path, error)
        if not isinstance(parent, str):
            return found, errors
        try:
            path = _extended(path, parent, folder)
        except OsieError as error:
            return found, [*errors, f"{path}: extends: {error}"]
    return found, [*errors, f"{path}: extends: more than {_LONGEST_CHAIN} profiles deep"]


def _missing_sources(path: Path, part: _Partial) -> Iterator[str]:
    lists: Mapping[str, Sequence[File | Image]] = {"files": part.files, "images": part.images}
    for key, entries in lists.items():
        for number, entry in enumerate(entries):
            if entry.source and not (path.parent / entry.source).is_file():
                yield f"{path}: {key}.{number}.source: {path.parent / entry.source} is not a file"


def _named_twice(path: Path, part: _Partial) -> Iterator[str]:
    seen: dict[str, int] = {}
    for number, image in enumerate(part.images):
        first = seen.setdefault(image.reference.canonical, number)
        if first != number:
            yield f"{path}: images.{number}.name: {image.name!r} is the name of images.{first} too"


def _sentences(path: Path, error: ValidationError) -> list[str]:
    known = [name for form in (_Partial, File, Image, Modules, Firmware) for name in form.model_fields]
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
    # of several images with one name too: a profile may have its own in place of the extended one's
    images = {
        image.reference.canonical: _located(path, image) for path, part in chain for image in part.images
    }
    return {
        **singles,
        **{key: _unique(entry for part in parts for entry in getattr(part, key)) for key in _LISTS},
        **{
            table: {
                key: _unique(entry for part in parts for entry in getattr(getattr(part, table), key))
                for key in keys
            }
            for table, keys in _TABLES.items()
        },
        "files": [_located(path, file) for path, part in chain for file in part.files],
        "images": list(images.values()),
    }


def _places(path: Path, part: _Partial) -> Iterator[tuple[str, str]]:
    """Each entry that only a build can check, by its list, and where it stands."""
    lists = {key: getattr(part, key) for key in ("packages", "without_packages")}
    for table, keys in _TABLES.items():
        lists |= {f"{table}.{key}": getattr(getattr(part, table), key) for key in keys}
    for key, entries in lists.items():
        for number, entry in enumerate(entries):
            yield f"{key}:{entry}", f"{path}: {key}.{number}"
    for number, file in enumerate(part.files):
        yield f"files:{file.path}", f"{path}: files.{number}"
    for number, image in enumerate(part.images):
        yield f"images:{image.reference.canonical}", f"{path}: images.{number}"


def _unique(entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entries))


def _located(path: Path, entry: File | Image) -> dict[str, object]:
    source = (path.parent / entry.source).resolve() if entry.source else None
    return {**entry.model_dump(), "source": source}
