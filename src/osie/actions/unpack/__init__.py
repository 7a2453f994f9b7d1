"""From stored bytes to the raw image: formats told by content, decompressed on all cores."""
