"""What an operator may be told, whatever was asked for."""

from osie.core.errors import OsieError


class MissingError(OsieError):
    """There is no such resource."""


class ConflictError(OsieError):
    """What is asked for does not go with the state of things: a resource in use, a workflow that ended."""
