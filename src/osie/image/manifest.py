"""The manifest beside the artifacts: what they are, how big, and from which packages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from osie.core.errors import OsieError
from osie.image.parts import Tree


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

    @property
    def size(self) -> int:
        """Bytes of all artifacts together."""
        return sum(artifact.size for artifact in self.artifacts)

    def json(self) -> str:
        """The text of manifest.json."""
        return json.dumps(asdict(self), indent=2) + "\n"


def read(path: Path) -> Manifest:
    """The manifest at `path`. Raises OsieError where it can't be one."""
    try:
        raw = json.loads(path.read_text())
        return Manifest(**{**raw, "artifacts": [Artifact(**one) for one in raw["artifacts"]]})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OsieError(f"{path}: not a manifest that `osie build` wrote: {error}") from error
