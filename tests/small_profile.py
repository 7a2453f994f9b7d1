"""The smallest profile that can be built: kernel and Python; empty files for what else a machine needs."""

_STAND_INS = (
    *("/usr/lib/systemd/systemd-udevd", "/usr/bin/udevadm", "/usr/bin/ip", "/usr/sbin/runc"),
    *("/usr/sbin/dockerd", "/usr/bin/containerd", "/usr/bin/containerd-shim-runc-v2", "/usr/sbin/iptables"),
)

SMALL = """
name = "small"
suite = "trixie"
packages = ["base-passwd", "busybox-static", "ca-certificates", "kmod", "libpython3-stdlib",
            "linux-image-amd64", "python3-minimal", "tiny-initramfs"]
without_packages = ["debconf", "dpkg", "linux-base", "openssl", "openssl-provider-legacy", "readline-common",
                    "tar", "tiny-initramfs", "tiny-initramfs-core", "tzdata"]
""" + "".join(f'[[files]]\npath = "{path}"\ncontent = ""\n' for path in _STAND_INS)
