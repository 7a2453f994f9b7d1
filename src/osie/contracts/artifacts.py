"""The names of what the workshop builds: the files that are netbooted, and the image inside."""

ARCH = "x86_64"
KERNEL = f"vmlinuz-{ARCH}"
INITRAMFS = f"initramfs-{ARCH}"
MANIFEST = "manifest.json"
IPXE = "ipxe"  # the folder beside them with iPXE's binaries
EMBEDDED_WORKER = "osie/tink-worker:embedded"  # the image in the ramdisk, as its engine knows it
