"""MACHINE: what runs between the kernel and the worker. Standard library only."""
