"""What stands for an image: digests, signatures, manifests."""
