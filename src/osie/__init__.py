"""Osie: an operating system installation environment for bare metal. ARCHITECTURE.md maps the rooms."""
