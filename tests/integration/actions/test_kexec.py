"""kexec on real file systems, up to the system call: this host's kernel is never replaced."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from osie.core.process import run

NOT_LOADED = r"can't load the kernel /boot/vmlinuz: (it is no kernel|this kernel has no kexec|the kernel)"


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """The folder that the ramdisk looks into."""
    folder = tmp_path / "worker"
    folder.mkdir()
    run(["mount", "--bind", folder, folder])
    yield folder
    run(["umount", folder])


def _boot_files(root: Path, configuration: str = "linux /boot/vmlinuz root=x\ninitrd /boot/initrd") -> None:
    (root / "boot/grub").mkdir(parents=True, exist_ok=True)
    (root / "boot/vmlinuz").write_text("no kernel")
    (root / "boot/initrd").write_text("no ramdisk")
    (root / "boot/grub/grub.cfg").write_text(configuration)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, NOT_LOADED),
        ({"KERNEL_PATH": "boot/vmlinuz", "INITRD_PATH": "boot/initrd", "CMD_LINE": "a"}, NOT_LOADED),
        ({"KERNEL_PATH": "/boot/none"}, "can't open the kernel /boot/none: No such file"),
        ({"KERNEL_PATH": "/boot"}, "the kernel /boot is no file"),
        ({"KERNEL_PATH": "/boot/fifo"}, "the kernel /boot/fifo is no file"),
        ({"KERNEL_PATH": "/boot/vmlinuz", "INITRD_PATH": "x"}, "can't open the ramdisk /x"),
        ({"GRUBCFG_PATH": "none.cfg"}, "there is no /none.cfg"),
        ({"GRUBCFG_PATH": "boot/fifo"}, "there is no /boot/fifo"),
        ({"GRUBCFG_PATH": "boot/large"}, "larger than 1 MiB"),
    ],
)
def test_what_cannot_be_started_is_told_and_nothing_is_asked_for(
    given: dict[str, str],
    why: str,
    file_system: Path,
    shared: Path,
    looked_into: Any,
    action: Any,
    assert_failed: Any,
) -> None:
    """One line says what is wrong, no jump is asked for, and the system is as it was."""
    with looked_into(file_system) as root:
        _boot_files(root)
        os.mkfifo(root / "boot/fifo")
        (root / "boot/large").write_bytes(bytes(2 << 20))
    before = file_system.read_bytes()
    asked = {"BLOCK_DEVICE": file_system, "FS_TYPE": "ext4", "WORKER_FOLDER": shared, **given}
    assert_failed(action("kexec", **asked), why)
    assert list(shared.iterdir()) == []
    assert file_system.read_bytes() == before


def test_kernels_on_a_partition_of_their_own(
    file_system: Path,
    shared: Path,
    looked_into: Any,
    action: Any,
    assert_failed: Any,
    attach: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """The root's fstab leads to /boot, whose configuration names paths in that."""
    other = tmp_path / "boot-file-system"
    with other.open("wb") as out:
        out.truncate(8 << 20)
    run(["mkfs.ext4", "-q", "-F", other])
    boot = attach(other)
    with looked_into(file_system) as root:
        (root / "etc").mkdir()
        (root / "etc/fstab").write_text(f"/dev/x / ext4 defaults\n{boot} /boot ext4 defaults\n")
    with looked_into(boot) as root:
        (root / "grub").mkdir()
        (root / "grub/grub.cfg").write_text("linux /kernel root=x")
    asked = {"BLOCK_DEVICE": file_system, "FS_TYPE": "ext4", "WORKER_FOLDER": shared}
    done = action("kexec", **asked)
    assert_failed(done, "can't open the kernel /kernel")
    assert f"keeps its kernels on {boot}" in done.stdout


def test_no_link_leads_out_of_the_system(
    file_system: Path, shared: Path, looked_into: Any, action: Any, assert_failed: Any, tmp_path: Path
) -> None:
    """A kernel that is a link to /x means the disk's /x, never ours."""
    (tmp_path / "kernel").write_text("ours")
    with looked_into(file_system) as root:
        _boot_files(root)
        (root / "vmlinuz").symlink_to(tmp_path / "kernel")
    asked = {
        "BLOCK_DEVICE": file_system,
        "FS_TYPE": "ext4",
        "WORKER_FOLDER": shared,
        "KERNEL_PATH": "vmlinuz",
    }
    assert_failed(action("kexec", **asked), "can't open the kernel /vmlinuz: No such file")


def test_a_system_without_a_boot_loader(
    file_system: Path, shared: Path, action: Any, assert_failed: Any
) -> None:
    """What to set instead is said."""
    asked = {"BLOCK_DEVICE": file_system, "FS_TYPE": "ext4", "WORKER_FOLDER": shared}
    assert_failed(action("kexec", **asked), "says what to start.*KERNEL_PATH, INITRD_PATH and CMD_LINE")


def test_a_folder_that_is_not_shared_is_an_error(
    file_system: Path, action: Any, assert_failed: Any, tmp_path: Path
) -> None:
    """A jump that nobody sees asked for would never come: nothing is even looked for."""
    asked = {"BLOCK_DEVICE": file_system, "FS_TYPE": "ext4", "WORKER_FOLDER": tmp_path}
    assert_failed(action("kexec", **asked), "a kexec asked for here is seen by nobody")
