"""Which kernel is to be started: the one given, else the one that the boot loader would start."""

from osie.actions.kexec import extlinux, grub, loader_entries
from osie.actions.kexec.entry import BootError, Entry, Files
from osie.actions.kexec.settings import Settings

_GRUB = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/grub/grub.cfg", "/grub2/grub.cfg")
_EXTLINUX = tuple(
    f"{folder}/{name}"
    for folder in ("/boot/extlinux", "/extlinux", "/boot/syslinux", "/syslinux", "/boot", "")
    for name in extlinux.NAMES
)
# Debian's and Ubuntu's links to the newest kernel and its ramdisk
_KERNELS = ("/vmlinuz", "/boot/vmlinuz")
_RAMDISKS = ("/initrd.img", "/boot/initrd.img", "/boot/initrd")


def entry(settings: Settings, files: Files, *, platform: str) -> Entry | None:
    """What to start of the system in `files`; None: nothing there says. Raises BootError."""
    if settings.kernel:
        ramdisks = (settings.ramdisk,) if settings.ramdisk else ()
        return Entry(settings.kernel, ramdisks, settings.command_line)
    found = _configured(settings.configuration, files, platform)
    if found is not None and settings.command_line:
        return found._replace(options=settings.command_line)
    return found


def _configured(path: str, files: Files, platform: str) -> Entry | None:
    if path:
        return _by_file(path, files, platform)
    for known in _GRUB:
        if files.has(known):
            return grub.default_entry(known, files, platform=platform)
    if loader_entries.read(files):
        return loader_entries.default_entry(files)
    for known in _EXTLINUX:
        if files.has(known):
            return extlinux.default_entry(known, files)
    return None


def _by_file(path: str, files: Files, platform: str) -> Entry:
    if path.endswith(extlinux.NAMES):
        return extlinux.default_entry(path, files)
    if path.endswith(".conf"):
        found = loader_entries.entry(files.text(path) or "")
        if found is None:
            raise BootError(f"{path} is no entry that starts a kernel, or isn't there")
        return found[0]
    return grub.default_entry(path, files, platform=platform)


def linked(command_line: str, files: Files) -> Entry | None:
    """The system's own links to its newest kernel, for which the command line must be given."""
    kernel = next((path for path in _KERNELS if files.has(path)), None)
    ramdisk = next((path for path in _RAMDISKS if files.has(path)), None)
    if kernel is None or not command_line:
        return None
    return Entry(kernel, (ramdisk,) if ramdisk else (), command_line)


def boot_partition(fstab: str) -> tuple[str, str] | None:
    """(device, type) of the file system that fstab(5) mounts at /boot; None: /boot is a part of the root."""
    for line in fstab.splitlines():
        words = line.split()
        if len(words) < 3 or words[0].startswith("#") or words[1].rstrip("/") != "/boot":
            continue
        kind, equals, name = words[0].partition("=")
        folders = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "partuuid", "PARTLABEL": "partlabel"}
        if equals and kind in folders and "/" not in name:
            return f"/dev/disk/by-{folders[kind]}/{name.strip(chr(34))}", words[2]
        if words[0].startswith("/dev/"):
            return words[0], words[2]
    return None
