"""MACHINE: the tink-worker: transport, runtime, loop.

`loop` is the worker; `action` has what it speaks of and its ports; `__main__` puts the adapters together.
Runs on Debian 13's Python with its grpclib and protobuf, and nothing else besides the standard library.
"""
