"""What a Debian mirror offers: its signed package lists, kept in the build cache, and what apt reads there.

The lists are asked for again when they are a day old, or when somebody wants that; every other build goes by
what they said then. So the versions of packages can be inputs of a step, and a build with nothing changed
needs no network. See docs/decisions/0007-package-versions.md.
"""

import json
import logging
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from osie.core.cache import Cache, Silent, disk_is_full, size_of
from osie.core.debian import PackageSet
from osie.core.errors import OsieError
from osie.core.files import sha256_of_values, write_atomically
from osie.core.patience import Patience
from osie.core.process import ProcessError, run

MAX_AGE_S = 24 * 3600
_RETRY_AFTER_S = 3600  # where the mirror didn't answer, and older lists will do
_STEP = "package-lists"
_PATIENCE = Patience()
_APT_FOLDERS = ("etc/apt", "var/lib/apt")  # where the mirrors are, and what they have
# '--print-uris': 'URL' FILE SIZE HASH (apt-get(8)); FILE is NAME_VERSION_ARCH.deb, a colon in it as %3a.
_URI = re.compile(
    r"'(?P<url>[^']+)' (?P<name>[^_]+)_(?P<version>[^_]+)_\S+\.deb (?P<size>\d+) SHA256:(?P<sha256>\w+)"
)
_log = logging.getLogger(__name__)
_REASON = re.compile(r"(?:Failed to fetch|GPG error:|The repository|Unable to locate|E:) .*")


@dataclass(frozen=True)
class Package:
    """One version of a package, and where it is."""

    name: str
    version: str
    url: str
    size: int  # bytes, of the .deb
    sha256: str


def resolve(wanted: PackageSet, cache: Cache) -> list[Package]:
    """The packages and all they depend on, in the versions that the lists name, sorted by name."""
    lists = _lists(wanted, cache)

    def ask(folder: Path) -> None:
        found = [asdict(package) for package in _resolve(lists, wanted, folder)]
        (folder / "packages.json").write_text(json.dumps(found))

    def read(folder: Path) -> list[Package]:
        return [Package(**one) for one in json.loads((folder / "packages.json").read_text())]

    return _quiet(cache).read("package-versions", [lists.name, sorted(wanted.packages)], ask, read)


def names(wanted: PackageSet, cache: Cache) -> frozenset[str]:
    """All packages that there are."""
    lists = _lists(wanted, cache)

    def ask(folder: Path) -> None:
        (folder / "names").write_text(_apt(lists, ["apt-cache", "pkgnames"], folder))

    def read(folder: Path) -> frozenset[str]:
        found = frozenset((folder / "names").read_text().split())
        if not found:  # which no mirror has, but a file that the disk has lost
            raise ValueError("no names")
        return found

    return _quiet(cache).read("package-names", [lists.name], ask, read)


def refresh(wanted: PackageSet, cache: Cache) -> Path:
    """Ask the mirror for its lists now; the folder with them."""
    asked = Asked(lists=secrets.token_hex(8), at=time.time(), tried=time.time())
    folder = _kept(wanted, cache, asked)
    _remember(wanted, cache, asked)
    return folder


@dataclass(frozen=True)
class Asked:
    """When a mirror was asked, in seconds since 1970; kept in a file of the cache's."""

    lists: str  # tells the lists that we got then from others
    at: float
    tried: float  # the last attempt since

    @classmethod
    def read(cls, note: Path) -> "Asked | None":
        """What the file says; None where it isn't there, or the disk has lost what was in it."""
        try:
            told = json.loads(note.read_text())
            return cls(str(told["lists"]), float(told["at"]), float(told["tried"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    @property
    def is_due(self) -> bool:
        """Whether to ask again. A time that is yet to come was told by a clock that was wrong."""
        now = time.time()
        return not (0 <= now - self.at <= MAX_AGE_S or 0 <= now - self.tried <= _RETRY_AFTER_S)


def _lists(wanted: PackageSet, cache: Cache) -> Path:
    """The folder with the mirror's lists, as of at most a day ago where the mirror can be reached."""
    asked = Asked.read(_note(wanted, cache))
    if asked is None:
        return refresh(wanted, cache)
    if asked.is_due:
        try:
            return refresh(wanted, cache)
        except OsieError as error:
            _log.warning("%s; going by those of %s", error, time.strftime("%Y-%m-%d", time.gmtime(asked.at)))
            _remember(wanted, cache, replace(asked, tried=time.time()))
    return _kept(wanted, cache, asked)


def _kept(wanted: PackageSet, cache: Cache, asked: Asked) -> Path:
    """The lists that we got then; where the cache has lost them, those that there are now."""

    def build(folder: Path) -> None:
        begun = time.monotonic()
        cache.progress.started(_STEP)
        fetch_lists(wanted, folder)
        seconds = time.monotonic() - begun
        cache.progress.finished(_STEP, seconds=seconds, size_bytes=size_of(folder), cached=False)

    return _quiet(cache).get(_STEP, [*_source(wanted), asked.lists], build)


def _remember(wanted: PackageSet, cache: Cache, asked: Asked) -> None:
    write_atomically(_note(wanted, cache), json.dumps(asdict(asked)))


def _source(wanted: PackageSet) -> list[object]:
    return [wanted.suite, wanted.mirror, wanted.components]


def _note(wanted: PackageSet, cache: Cache) -> Path:
    return cache.root / f".lists-{sha256_of_values(*_source(wanted))[:24]}"


def _quiet(cache: Cache) -> Cache:
    """Only what takes a while is told."""
    return replace(cache, progress=Silent())


def fetch_lists(wanted: PackageSet, folder: Path, patience: Patience = _PATIENCE) -> None:
    """Have mmdebstrap make a root with nothing in it but apt's lists: it knows mirrors and their keys."""
    source = f"package lists of {wanted.suite} from {wanted.mirror or 'the Debian mirror'}"
    argv: list[str | Path] = [
        "mmdebstrap",
        "--variant=custom",
        "--skip=cleanup/apt/lists",
        f"--components={','.join(wanted.components)}",
        '--aptopt=Acquire::GzipIndexes "true"',
        *(f'--aptopt={name} "{value}"' for name, value in patience.options.items()),
        wanted.suite,
        folder / "root",
        *([wanted.mirror] if wanted.mirror else []),
    ]
    try:
        with patience.telling(f"the {source}"):
            run(argv)
    except ProcessError as error:
        if disk_is_full(error):  # which apt takes for an invalid signature, among others
            raise
        said = error.completed.stderr if error.completed else str(error)
        reason = _REASON.search(said)
        raise OsieError(
            f"no {source}: {reason[0] if reason else said.strip().splitlines()[-1]}",
            hint="is the network up, and the profile's mirror right?",
        ) from None
    for name in _APT_FOLDERS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "root" / name).rename(folder / name)
    shutil.rmtree(folder / "root")  # device files among it


def _resolve(lists: Path, wanted: PackageSet, scratch: Path) -> list[Package]:
    options = ["-qq", "-o", "APT::Install-Recommends=false", "-o", "Acquire::ForceHash=SHA256"]
    asked = ["apt-get", *options, "--yes", "--print-uris", "install", *sorted(wanted.packages)]
    printed = _apt(lists, asked, scratch)
    found = [
        Package(
            match["name"],
            match["version"].replace("%3a", ":"),
            match["url"],
            int(match["size"]),
            match["sha256"],
        )
        for match in _URI.finditer(printed)
    ]
    if len(found) != len(printed.splitlines()):
        raise OsieError(f"apt printed what can't be understood: {printed.splitlines()[-1]}")
    return sorted(found, key=lambda package: package.name)


def _apt(lists: Path, argv: Sequence[str], scratch: Path) -> str:
    """Run an apt program on the lists, in a system with no package installed; return what it printed.

    What it makes for itself meanwhile, 60 MB, is in `scratch`.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        configuration = Path(name) / "apt.conf"
        # As a file, since only what it says comes before the host's own configuration would be read.
        configuration.write_text(
            f'Dir "{lists}";\nDir::Cache "{name}";\nDir::State::Status "/dev/null";\n'
            'APT::Architecture "amd64";\nAPT::Architectures { "amd64"; };\nDebug::NoLocking "true";\n'
            'pkgCacheGen::ForceEssential ",";\n'  # nothing comes unasked
        )
        return run(argv, env={"APT_CONFIG": str(configuration)}).stdout
