"""An action as the server's config wants it: its image's place, and what no template may unsay."""

from collections.abc import Mapping
from dataclasses import replace

from osie.contracts import image_name
from osie.tink.workflow import Action


class Rewriting:
    """The config's say on each action that is handed out; what is stored stays the template's."""

    def __init__(self, images: Mapping[str, str] | None = None, *, require_verified: bool = False) -> None:
        """`images`: a prefix of an image's name -> what stands in its place."""
        # The longest prefix first: the most specific rule wins.
        self._rules = sorted((images or {}).items(), key=lambda rule: -len(rule[0]))
        self._policy = {"REQUIRE_VERIFIED": "true"} if require_verified else {}

    def of(self, action: Action) -> Action:
        """The action as it is handed out."""
        kept = [entry for entry in action.environment if entry.partition("=")[0] not in self._policy]
        added = [f"{name}={value}" for name, value in self._policy.items()]
        return replace(action, image=self.image(action.image), environment=(*kept, *added))

    def image(self, name: str) -> str:
        """Where the image comes from. A short name is matched as it is written and as engines complete it."""
        spellings = dict.fromkeys((name, image_name.full(name)))
        for prefix, instead in self._rules:
            for spelling in spellings:
                if spelling.startswith(prefix):
                    return instead + spelling.removeprefix(prefix)
        return name
