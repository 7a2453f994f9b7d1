"""The action that puts an image from a container registry onto a disk, verified by the registry's digests."""
