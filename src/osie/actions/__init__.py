"""MACHINE: one folder per action, each a small program; the modules beside them are what they share."""
