"""MACHINE: one folder per action."""
