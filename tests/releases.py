"""The releases that Osie runs on: their packages, by our own mirror machinery, and their programs."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from osie.cli.workshop import build_cache
from osie.core import mirror, packages
from osie.core.cache import Cache, Silent
from osie.core.debian import PackageSet
from osie.core.errors import OsieError

KEYRING = "usr/share/keyrings/ubuntu-archive-keyring.gpg"
_URL = re.compile(r"^(?:URIs:|deb(?: \[[^]]*\])?) *([a-z]+://\S+/)debian/?(?: |$)", re.MULTILINE)
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
_LOADER = "ld-linux-x86-64.so.2"  # not lib64/'s, which is a link with a leading slash: the host's loader


@dataclass(frozen=True)
class Release:
    """A Debian or Ubuntu release."""

    codename: str

    def _wanted(self, names: Sequence[str]) -> PackageSet:
        if self.codename != "noble":
            return PackageSet(tuple(names), suite=self.codename)
        keys = packages.unpacked(PackageSet(("ubuntu-keyring",)), build_cache(), step="ubuntu-keyring")
        source = f"deb [signed-by={keys / KEYRING}] {_neighbour()}ubuntu noble main universe"
        return PackageSet(tuple(names), suite=self.codename, mirror=source)

    def names(self) -> frozenset[str]:
        """All packages that there are. Raises OsieError where they can't be had."""
        return mirror.names(self._wanted(["base-files"]), build_cache())

    def files(self, names: Sequence[str], scratch: Path) -> dict[str, frozenset[str]]:
        """The paths in each of the packages; only these lists are kept, not the packages."""
        cache = build_cache()
        wanted = self._wanted(names)
        found = [each for each in mirror.resolve(wanted, cache) if each.name in names]

        def ask(folder: Path) -> None:
            for package, deb in packages.fetch(found, Cache(scratch, Silent())).items():
                contents = subprocess.run(
                    ["dpkg-deb", "--contents", deb], capture_output=True, text=True, check=True
                ).stdout
                (folder / package.name).write_text(contents)

        def read(folder: Path) -> dict[str, frozenset[str]]:
            return {path.name: _paths(path.read_text()) for path in folder.iterdir()}

        quiet = replace(cache, progress=Silent())
        return quiet.read("package-files", [sorted((each.name, each.sha256) for each in found)], ask, read)

    def programs(self, names: Sequence[str], folder: Path) -> Path:
        """A folder for PATH: the packages' programs, each run with the release's own loader and libraries."""
        tree = packages.unpacked(
            self._wanted(names), build_cache(), step=f"tools-{self.codename}", exclude=["/usr/share/*"]
        )
        libraries = ":".join(str(tree / place) for place in _LIBRARIES)
        loader = next(path for place in _LIBRARIES if (path := tree / place / _LOADER).exists())
        for place in ("bin", "sbin", "usr/bin", "usr/sbin"):
            for program in (tree / place).glob("*"):
                script = folder / program.name
                loaded = f'"{loader}" --inhibit-cache --library-path "{libraries}" "{program}"'
                script.write_text(f'#!/bin/sh\nexec {loaded} "$@"\n')
                script.chmod(0o755)
        return folder


RELEASES = (Release("bookworm"), Release("trixie"), Release("noble"))


def _paths(contents: str) -> frozenset[str]:
    """From tar's listing: the sixth field is `./PATH`, and `./PATH -> TARGET` for a link."""
    return frozenset(line.split(maxsplit=5)[5].partition(" -> ")[0][1:] for line in contents.splitlines())


def _neighbour() -> str:
    """Where this machine's Debian mirror is, without its last part: many have Ubuntu beside Debian."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.[ls]*[ts]"))]
    text = "\n".join(path.read_text() for path in files if path.is_file())
    match = _URL.search(text)
    if match is None:
        raise OsieError("this machine names no Debian mirror, beside which one of Ubuntu could be")
    return match[1]
