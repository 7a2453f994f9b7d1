"""An action as the server's config wants it: its image's place, and what no template may unsay."""

from collections.abc import Mapping
from dataclasses import replace

from osie.contracts import image_name
from osie.tink.domain import known_images
from osie.tink.domain.workflow import Action


class Rewriting:
    """The config's say on each action that is handed out; what is stored stays the template's."""

    def __init__(self, images: Mapping[str, str] | None = None, *, require_verified: bool = False) -> None:
        """`images`: a prefix of an image's name -> what stands in its place."""
        # The longest prefix first: the most specific rule wins.
        self._rules = sorted((images or {}).items(), key=lambda rule: -len(rule[0]))
        self._policy = {"REQUIRE_VERIFIED": "true"} if require_verified else {}

    def of(self, action: Action) -> Action:
        """The action as it is handed out.

        Of waitdaemon and a `kexec` or `reboot` of ours, these themselves: they end before the machine goes
        down, and so are reported without waiting, and with their failures.
        """
        kept = [entry for entry in action.environment if entry.partition("=")[0] not in self._policy]
        added = [f"{name}={value}" for name, value in self._policy.items()]
        image = self._undelayed(action) or self.image(action.image)
        return replace(action, image=image, environment=(*kept, *added))

    def _undelayed(self, action: Action) -> str:
        """What stands in the place of the image that waitdaemon would start later; "": nothing does."""
        later = known_images.delayed(action.image, action.environment)
        if not later or not known_images.takes_down(later, ()):
            return ""
        instead = self.image(later)
        return "" if instead == later else instead

    def image(self, name: str) -> str:
        """Where the image comes from. A short name is matched as it is written and as engines complete it."""
        spellings = dict.fromkeys((name, image_name.full(name)))
        for prefix, instead in self._rules:
            for spelling in spellings:
                if spelling.startswith(prefix):
                    return instead + spelling.removeprefix(prefix)
        return name
