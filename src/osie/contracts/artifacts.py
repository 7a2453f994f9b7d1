"""The names of what the workshop builds: the files that are netbooted, and the image inside."""

ARCH = "x86_64"
KERNEL = f"vmlinuz-{ARCH}"
INITRAMFS = f"initramfs-{ARCH}"
MANIFEST = "manifest.json"
EMBEDDED_WORKER = "osie/tink-worker:embedded"  # the image in the ramdisk, as its engine knows it
