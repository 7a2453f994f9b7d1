"""The way of an image: source -> trust -> decompression -> verified blocks -> disk -> read-back -> ends."""
