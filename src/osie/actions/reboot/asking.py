"""The request for a reboot."""

from collections.abc import Mapping
from pathlib import Path

from osie.actions import asking
from osie.actions.environment import Environment
from osie.contracts import requests


def read(variables: Mapping[str, str]) -> Path:
    """The shared folder. Raises SettingsError."""
    environment = Environment(variables)
    shared = asking.folder(environment)
    environment.check()
    return shared


def ask(shared: Path) -> int:
    """Ask the ramdisk for it. Returns 0; raises AskError where nobody would see that."""
    asking.ask(shared, requests.REBOOT)
    return 0
