"""What an image is, told by its first bytes: a disk's content, or something else that nobody boots."""
