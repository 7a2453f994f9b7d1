"""The installed kernel is loaded here; the ramdisk ends everything in order, and jumps."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from osie.actions import asking, libc
from osie.actions.kexec import finding, loading
from osie.actions.kexec.entry import BootError, Entry
from osie.actions.kexec.settings import Settings
from osie.actions.kexec.tree import Tree
from osie.actions.mounting import mounted, private_namespace
from osie.actions.program import say
from osie.contracts import requests

_READ_ONLY = libc.MS_RDONLY | libc.MS_NOSUID | libc.MS_NODEV | libc.MS_NOEXEC


def hand_over(settings: Settings) -> int:
    """Load the kernel and ask the ramdisk for the jump. Returns 0; raises OsieError, with nothing loaded."""
    asking.check(settings.shared, requests.KEXEC)
    private_namespace()
    try:
        with ExitStack() as stack:
            tree, entry = _found(settings, stack)
            loading.load(tree, entry)
        asking.ask(settings.shared, requests.KEXEC)
    except BaseException:
        loading.unload()
        raise
    return 0


def _found(settings: Settings, stack: ExitStack) -> tuple[Tree, Entry]:
    """What to start, and the file system that it is in: the device's, else the one it mounts at /boot."""
    platform = "efi" if Path("/sys/firmware/efi").is_dir() else "pc"
    root = stack.enter_context(_tree(settings.device, settings.kind))
    entry = finding.entry(settings, root, platform=platform)
    if entry is not None:
        return root, entry
    elsewhere = finding.boot_partition(root.text("/etc/fstab") or "")
    if elsewhere is not None:
        say(loading.printable(f"the system keeps its kernels on {elsewhere[0]}"))
        boot = stack.enter_context(_tree(*elsewhere))
        entry = finding.entry(settings, boot, platform=platform)
        if entry is not None:
            return boot, entry
    entry = finding.linked(settings.command_line, root)
    if entry is None:
        raise BootError(
            f"nothing on {settings.device} says what to start: there is no configuration of GRUB, "
            "systemd-boot or EXTLINUX",
            hint="name it in GRUBCFG_PATH, or give KERNEL_PATH, INITRD_PATH and CMD_LINE",
        )
    return root, entry


@contextmanager
def _tree(device: str, kind: str) -> Iterator[Tree]:
    with mounted(device, kind, flags=_READ_ONLY) as folder, Tree.at(folder) as tree:
        yield tree
