"""The action that runs a command inside an installed system."""
