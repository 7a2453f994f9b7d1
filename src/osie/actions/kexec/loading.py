"""Kernel and ramdisk into the memory from which a jump starts them: kexec_file_load(2)."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from osie.actions import libc
from osie.actions.kexec.entry import BootError, Entry
from osie.actions.kexec.tree import Tree
from osie.actions.program import say

_LOADED = Path("/sys/kernel/kexec_loaded")
_UNTRUSTED = "its signature isn't one that this machine's kernel trusts, and Secure Boot asks for one"
_WHY = {
    errno.EPERM: "the kernel doesn't allow it: the container isn't privileged, or kexec is locked "
    "(Secure Boot, kernel.kexec_load_disabled)",
    errno.ENOEXEC: "it is no kernel that this one can start",
    errno.ENOSYS: "this kernel has no kexec",
    errno.EBUSY: "another one is being loaded",
    errno.ENOMEM: "there isn't enough memory for it",
    errno.EADDRNOTAVAIL: "there isn't enough memory for it",
    errno.EINVAL: "the kernel refuses it; its command line may be too long",
    errno.EKEYREJECTED: _UNTRUSTED,
    errno.ENOKEY: _UNTRUSTED,
    errno.ENODATA: _UNTRUSTED,
    errno.EBADMSG: _UNTRUSTED,
}


def load(tree: Tree, entry: Entry) -> None:
    """Load the entry's kernel. Raises BootError, with nothing loaded."""
    with ExitStack() as stack:
        kernel = stack.enter_context(tree.opened(entry.kernel, "kernel"))
        opened = [stack.enter_context(tree.opened(path, "ramdisk")) for path in entry.ramdisks]
        ramdisk = stack.enter_context(_as_one(opened)) if opened else -1
        try:
            flags = 0 if opened else libc.KEXEC_FILE_NO_INITRAMFS
            libc.kexec_file_load(kernel, ramdisk, entry.options, flags)
        except OSError as error:
            why = _WHY.get(error.errno or 0, error.strerror)
            raise BootError(f"can't load the kernel {entry.kernel}: {why}") from error
    if _LOADED.read_text().strip() != "1":
        raise BootError(f"the kernel {entry.kernel} was loaded, and {_LOADED} says that none is")
    ramdisks = " ".join(entry.ramdisks) or "none"
    say(printable(f"loaded kernel {entry.kernel}, ramdisk {ramdisks}, command line: {entry.options}"))


def unload() -> None:
    """Have nothing loaded."""
    with suppress(OSError):
        libc.kexec_file_load(-1, -1, "", libc.KEXEC_FILE_UNLOAD)


@contextmanager
def _as_one(files: Sequence[int]) -> Iterator[int]:
    """The files one after the other, each filled up to 4 bytes as GRUB does. One file is itself.

    Opened anew for reading: the kernel reads no file that is open for writing (ETXTBSY).
    """
    if len(files) == 1:
        yield files[0]
        return
    with libc.opened(os.memfd_create("ramdisk")) as made:
        with os.fdopen(made, "wb", closefd=False) as out:
            for descriptor in files:
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    shutil.copyfileobj(file, out, 1 << 20)
                out.write(bytes(-out.tell() % 4))
        again = os.open(f"/proc/self/fd/{made}", os.O_RDONLY)
    with libc.opened(again):
        yield again


def printable(text: str) -> str:
    """The text without what a terminal would act on."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
