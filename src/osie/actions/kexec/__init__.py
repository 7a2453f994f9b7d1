"""The action that has the machine start an installed kernel at once, without going through its firmware."""
