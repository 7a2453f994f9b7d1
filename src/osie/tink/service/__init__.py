"""The use cases: what agents, operators and boots ask of tink."""
