"""WORKSHOP: virtual machines and an isolated network."""
