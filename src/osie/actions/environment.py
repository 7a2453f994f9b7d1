"""An action's settings, read from environment variables: every error told at once, by its variable."""

import re
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from osie.contracts.flag import flag
from osie.core.errors import OsieError


class SettingsError(OsieError):
    """One or more variables are missing or wrong."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors), hint="set them in the action's environment")
        self.errors = tuple(errors)


class Environment:
    """Reads variables one by one, notes what is wrong, and raises it all together in `check`.

    A reader returns a harmless stand-in for a wrong value, so that the ones after it are read too.
    Nothing that was read may be used before `check` returned.
    """

    def __init__(self, variables: Mapping[str, str], *, other_names: Mapping[str, str] | None = None) -> None:
        """`other_names`: what a variable may be called too, where its own name isn't set."""
        self._variables = variables
        self._other_names = other_names or {}
        self._errors: list[str] = []

    def check(self) -> None:
        """Raise SettingsError with every error there was."""
        if self._errors:
            raise SettingsError(self._errors)

    def error(self, name: str, why: str) -> None:
        """Note that the variable is wrong."""
        self._errors.append(f"{self._name(name)} {why}")

    def add(self, error: SettingsError) -> None:
        """Note what was wrong elsewhere."""
        self._errors += error.errors

    def _name(self, name: str) -> str:
        """What the variable is called here."""
        other = self._other_names.get(name, name)
        return (
            other if other != name and self._variables.get(other) and not self._variables.get(name) else name
        )

    def text(self, name: str, default: str | None = None, *, empty: bool = False) -> str:
        """The variable as it is. Without a default it must be there, and not be empty unless `empty`."""
        value = self._variables.get(self._name(name))
        if value is None or (value == "" and not empty):
            if default is None:
                self.error(name, "is not set" if value is None else "is empty")
            return default or ""
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """A yes or no."""
        value = self._variables.get(self._name(name))
        if value is None:
            return default
        word = value.strip()
        meant = flag(word) if word else False
        if meant is None:
            self.error(name, f"is {value!r}: expected true or false")
        return bool(meant)

    def number(self, name: str, default: float, *, least: float = 0.0) -> float:
        """A decimal number, not below `least`."""
        value = self.text(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not least <= number < float("inf"):  # also turns down nan
            self.error(name, f"is {value!r}: expected a number from {least:g} up")
            return default
        return number

    def identity(self, name: str, default: int) -> int:
        """A user's or group's number."""
        value = self.text(name, str(default))
        if not value.isdecimal() or int(value) >= 2**32 - 1:  # (uid_t)-1 means "leave it" to chown(2)
            self.error(name, f"is {value!r}: expected a user's or group's number")
            return default
        return int(value)

    def mode(self, name: str, default: int) -> int:
        """File permissions, octal."""
        value = self.text(name, f"{default:o}")
        if not re.fullmatch(r"(0o)?[0-7]{1,5}", value) or int(value, 8) > 0o7777:
            self.error(name, f"is {value!r}: expected octal permissions such as 0644")
            return default
        return int(value, 8)

    def path(self, name: str, default: str | None = None) -> str:
        """An absolute path."""
        value = self.text(name, default)
        if value and (not PurePosixPath(value).is_absolute() or "\0" in value):
            self.error(name, f"is {value!r}: expected an absolute path")
        return value

    def url(self, name: str, schemes: tuple[str, ...]) -> str:
        """A URL of one of the schemes."""
        value = self.text(name)
        if value:
            self._check_url(name, value, schemes)
        return value

    def urls(self, name: str, schemes: tuple[str, ...]) -> tuple[str, ...]:
        """URLs with blanks between them: places where the same thing can be had, the preferred one first."""
        values = tuple(self.text(name).split())
        for value in values:
            self._check_url(name, value, schemes)
        if not values and self._variables.get(self._name(name)):
            self.error(name, "is empty")
        return values

    def _check_url(self, name: str, value: str, schemes: tuple[str, ...]) -> None:
        try:
            parts = urllib.parse.urlsplit(value)
            whole = parts.path if parts.scheme == "file" else parts.hostname
            _ = parts.port  # ValueError where it is no number
        except ValueError:
            parts, whole = urllib.parse.SplitResult("", "", "", "", ""), None
        if parts.scheme not in schemes or not whole or any(ord(c) <= 32 for c in value):
            self.error(name, f"is {value!r}: expected a URL that starts with {' or '.join(schemes)}://")
        elif parts.username is not None:  # not shown: it may hold a password
            self.error(name, "holds a user name, which isn't supported")
