"""The manifest beside the artifacts: what they are, how big, and from which packages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from osie.core.errors import OsieError
from osie.image.artifacts.parts import Tree


@dataclass(frozen=True)
class Artifact:
    """One built file."""

    name: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a build made."""

    profile: str
    arch: str
    engine: str
    artifacts: Sequence[Artifact]
    packages: Sequence[Mapping[str, str]]  # {"name", "version"} of what the artifacts hold files of
    kernel_release: str = ""
    kernel_parameters: Sequence[str] = ()
    memory_min_mib: int = 0  # of a machine that boots this; 0: not known
    parts: Tree = field(default_factory=dict)  # bytes, by what takes them
    loaders: Sequence[Artifact] = ()  # iPXE's binaries, what firmware is handed first

    @property
    def size(self) -> int:
        """Bytes of all artifacts together: what a machine loads of them is in its memory."""
        return sum(artifact.size for artifact in self.artifacts)

    def json(self) -> str:
        """The text of manifest.json."""
        return json.dumps(asdict(self), indent=2) + "\n"


def read(path: Path) -> Manifest:
    """The manifest at `path`. Raises OsieError where it can't be one."""
    try:
        raw = json.loads(path.read_text())
        files = {name: [Artifact(**one) for one in raw.get(name, ())] for name in ("artifacts", "loaders")}
        return Manifest(**{**raw, **files})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OsieError(f"{path}: not a manifest that `osie build` wrote: {error}") from error
