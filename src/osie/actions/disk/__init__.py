"""The disk: chosen, claimed, written, read back."""
