"""The root tree of the lab's OS: Debian packages, configured, with `root/` copied over them."""

import os
from dataclasses import dataclass
from pathlib import Path

from osie.core import debian
from osie.core.cache import Cache
from osie.core.files import sha256_of_file, sha256_of_tree
from osie.core.process import run

OVERLAY = Path(__file__).parent / "root"

PACKAGES = debian.PackageSet(
    packages=("systemd-sysv", "udev", "linux-image-cloud-amd64", "tiny-initramfs", "busybox"),
    variant="minbase",  # configured, unlike `extract`: this system boots
    components=("main",),
)
# busybox is the HTTP client; tiny-initramfs brings the 34 KB /init that initramfs.py puts to use.

_UNWANTED = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/lib/udev/hwdb*",  # names of USB and PCI devices, 22 MB
    "/usr/lib/x86_64-linux-gnu/gconv/*",
    "/usr/lib/modules/*/kernel/*",
)
# Modules are xz-compressed already, so each costs its full size in the image and in the time to write it.
_MODULES = (
    "block",
    "drivers/block",
    "drivers/char/hw_random",
    "drivers/firmware",
    "drivers/input",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
    "drivers/nvme/host",
    "drivers/virtio",
    "fs/autofs",
    "fs/configfs",
    "fs/efivarfs",
    "fs/fat",
    "fs/fuse",
    "fs/nls/nls_ascii",
    "fs/nls/nls_cp437",
    "lib",
    "net/core",
    "net/packet",
    "net/sched/sch_fq_codel",
    "net/unix",
)
_ENABLED = ("systemd-networkd.service", "osie-phone-home.service", "serial-getty@ttyS0.service")
# What a machine that lives for minutes can do without; under TCG each costs 0.1 to 1 s of the boot.
_MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "fstrim.timer",
    "getty-static.service",
    "getty@tty1.service",
    "ldconfig.service",
    "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-creds.socket",
    "systemd-hostnamed.socket",
    "systemd-hwdb-update.service",
    "systemd-initctl.socket",
    "systemd-journal-catalog-update.service",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-network-generator.service",
    "systemd-networkd-persistent-storage.service",
    "systemd-networkd-wait-online.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-sysext.socket",
    "systemd-sysusers.service",
    "systemd-udev-load-credentials.service",
    "systemd-update-done.service",
    "systemd-update-utmp.service",
)
# Generators run at each boot, before any unit; the lab's OS needs none: its only getty is enabled above.
_GENERATORS = "/usr/lib/systemd/system-generators"
# What differs from build to build, or is of no use once built.
_LEFTOVERS = (
    "var/cache/ldconfig/aux-cache",
    "var/cache/debconf",
    "var/cache/apt",
    "var/lib/systemd",
    "var/lib/dbus",
    "var/log",
    "var/lib/apt/lists",
    "var/lib/apt/extended_states",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/available",
    "etc/.pwd.lock",
    "boot/initrd.img*",
)


@dataclass(frozen=True)
class RootTree:
    """A built tree, kept as the tar at `tar`, with what other steps need to know of it."""

    tar: Path
    key: str  # changes whenever the tree may have


def build(cache: Cache) -> RootTree:
    """The tree, from the cache where its inputs are unchanged."""
    source = sha256_of_file(Path(__file__))
    inputs = [*PACKAGES.inputs(), sha256_of_tree(OVERLAY), source]
    folder = cache.get("lab-os-root", inputs, lambda out: _build(out / "root.tar"))
    return RootTree(folder / "root.tar", folder.name)


def _build(tar: Path) -> None:
    includes = [f"--dpkgopt=path-include=/usr/lib/modules/*/kernel/{module}*" for module in _MODULES]
    chroot = 'chroot "$1"'
    hooks = [
        f'cp -rT --preserve=mode --remove-destination {OVERLAY} "$1"',
        f'{chroot} sh -c "depmod \\$(ls /usr/lib/modules)"',
        f"{chroot} systemctl --quiet enable {' '.join(_ENABLED)}",
        f"{chroot} systemctl --quiet mask {' '.join(_MASKED)}",
        f"{chroot} systemctl --quiet set-default multi-user.target",
        f'cd "$1" && mkdir -p etc/systemd/system-generators && for name in $(ls .{_GENERATORS}); do'
        " ln -s /dev/null etc/systemd/system-generators/$name; done",
        f"{chroot} passwd --quiet --lock root",
        'cd "$1" && rm -rf ' + " ".join(_LEFTOVERS) + " && mkdir -p var/log var/cache/apt/archives/partial"
        " var/lib/apt/lists/partial var/lib/systemd",
    ]
    debian.unpack(
        PACKAGES,
        tar,
        exclude=_UNWANTED,
        hooks=[*includes, *(f"--customize-hook={hook}" for hook in hooks)],
    )


def unpack(tree: RootTree, folder: Path) -> None:
    """The tree's files below `folder`, with owners, modes and times."""
    folder.mkdir()
    run(["tar", "--extract", "--numeric-owner", "--preserve-permissions", "-C", folder, "-f", tree.tar])


def kernel_version(folder: Path) -> str:
    """The version of the tree's only kernel."""
    (modules,) = (folder / "usr/lib/modules").iterdir()
    return modules.name


def date(*paths: Path) -> None:
    """Give files that were added to the tree the time that everything else in it has at most."""
    for path in paths:
        os.utime(path, (int(debian.EPOCH), int(debian.EPOCH)))
