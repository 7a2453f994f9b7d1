"""The files that a build ends with: squashfs, initramfs, manifest."""
