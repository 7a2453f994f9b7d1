"""The grammar of image names, and what Docker and Podman call the image with such a name. Pure.

The OCI distribution spec has the grammar of repository, tag and digest; Docker that of the registry and of
short names: https://pkg.go.dev/github.com/distribution/reference. The tests compare with that package.
"""

import re
from typing import NamedTuple, Self

from osie.contracts import image_name

_OFFICIAL = "library/"
_LONGEST = 255  # characters of registry and path; newer engines take longer ones, the spec advises against
_LONGEST_WHOLE = _LONGEST + len(":") + 128 + len("@sha512:") + 128
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REGISTRY = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
REPOSITORY = rf"{_WORD}(?:/{_WORD})*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
DIGEST = r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})"
_ID = re.compile("[0-9a-f]{64}")
_DEFAULT_TAG = "latest"


class Reference(NamedTuple):  # no dataclass: an action's start would pay for the import
    """A name taken apart. It has a tag or a digest; with both, engines go by the digest alone."""

    registry: str  # "quay.io", "localhost:5000"
    path: str  # "library/alpine"
    tag: str = ""
    digest: str = ""  # "sha256:..."

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a name apart; without tag and digest it means `latest`. Raises ValueError."""
        if len(text) > _LONGEST_WHOLE:
            raise ValueError(f"it is longer than {_LONGEST_WHOLE} characters")
        if _ID.fullmatch(text):
            raise ValueError("64 hexadecimal digits are an image's id, which no registry knows")
        if "://" in text:
            raise ValueError(f"{text.partition('://')[0]}:// does not belong before an image's name")
        rest, at, digest = text.partition("@")
        if at and not re.fullmatch(DIGEST, digest):
            raise ValueError(f"{digest!r} is not a digest, sha256: and 64 hexadecimal digits in lower case")
        rest, tag = _tag(rest)
        if tag is not None and not re.fullmatch(TAG, tag):
            raise ValueError(f"{tag!r} is not a tag: letters, digits, '_', '.', '-', at most 128 of them")
        registry, path = image_name.split(rest)
        if len(registry) + len(path) >= _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} characters")
        if not re.fullmatch(REGISTRY, registry):
            raise ValueError(f"{registry!r} is not a registry, HOST or HOST:PORT")
        if not re.fullmatch(REPOSITORY, path):
            written = path if path in rest else path.removeprefix(_OFFICIAL)
            raise ValueError(
                f"{written!r} is not a repository: words of lower-case letters and digits, separated by '/',"
                " '.', '-' or '_'"
            )
        return cls(registry, path, tag or ("" if digest else _DEFAULT_TAG), digest)

    @property
    def repository(self) -> str:
        """Registry and path in full, as Podman stores it."""
        return f"{self.registry}/{self.path}"

    @property
    def familiar_repository(self) -> str:
        """As Docker stores it: Docker Hub goes without saying."""
        if self.registry != image_name.DEFAULT_REGISTRY:
            return self.repository
        word = self.path.removeprefix(_OFFICIAL)
        return self.path if "/" in word else word

    @property
    def canonical(self) -> str:
        """The name in full."""
        return self.repository + self._end

    @property
    def familiar(self) -> str:
        """The name as Docker says it."""
        return self.familiar_repository + self._end

    @property
    def stored(self) -> tuple["Reference", ...]:
        """The names that an engine stores for an image with this one: one by its tag, one by its digest."""
        by_tag = [self._replace(digest="")] if self.tag else []
        return (*by_tag, *([self.by_digest(self.digest)] if self.digest else []))

    def by_digest(self, digest: str) -> "Reference":
        """What is in the same repository under that digest."""
        return self._replace(tag="", digest=digest)

    @property
    def _end(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def _tag(name: str) -> tuple[str, str | None]:
    """A colon after the last slash is before a tag; any other is before a port."""
    folder, slash, last = name.rpartition("/")
    word, colon, tag = last.partition(":")
    return (f"{folder}{slash}{word}", tag) if colon else (name, None)
