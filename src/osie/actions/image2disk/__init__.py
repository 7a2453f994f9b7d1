"""The action that streams an image onto a disk: fetched, verified, decompressed and written in one pass."""
