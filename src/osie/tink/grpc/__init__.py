"""The ports that agents speak to, one for each generation of the protocol."""
