"""Container images that travel in the ramdisk, as the engine's own store holds them."""
