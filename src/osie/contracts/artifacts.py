"""The names of the files that the workshop builds and the netboot service hands out."""

ARCH = "x86_64"
KERNEL = f"vmlinuz-{ARCH}"
INITRAMFS = f"initramfs-{ARCH}"
MANIFEST = "manifest.json"
