"""MACHINE: the tink-worker: transport, runtime, loop."""
