"""Osie: an operating system installation environment for bare metal. ARCHITECTURE.md maps the rooms."""

__version__ = "0.1.0"  # as in pyproject.toml; a unit test holds the two together
