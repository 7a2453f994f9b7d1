"""The smallest profile that is a ramdisk: kernel and Python, no engine."""

SMALL = """
name = "small"
suite = "trixie"
packages = ["base-passwd", "busybox-static", "ca-certificates", "kmod", "libpython3-stdlib",
            "linux-image-amd64", "python3-minimal", "tiny-initramfs"]
without_packages = ["debconf", "dpkg", "linux-base", "openssl", "openssl-provider-legacy", "readline-common",
                    "tar", "tiny-initramfs", "tiny-initramfs-core", "tzdata"]
"""
