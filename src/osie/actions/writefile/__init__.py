"""The action that puts one file into a file system on a disk."""
