"""What is started, from the files that distributions have."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.actions.kexec.boot_files import Files

from osie.actions.environment import SettingsError
from osie.actions.kexec import extlinux, finding, loader_entries
from osie.actions.kexec.entry import BootError, Entry
from osie.actions.kexec.settings import Settings, read

NONE = Settings("/dev/vda1", "ext4", "", "", "", "", Path("/worker"))
MACHINE = "8d2b1"


def found(texts: dict[str, str], settings: Settings = NONE) -> Entry | None:
    """What is started of a system with these files."""
    return finding.entry(settings, Files(texts), platform="pc")


def _entry(version: str, options: str = "$kernelopts $tuned_params") -> str:
    return f"title Linux {version}\nversion {version}\nlinux /vmlinuz-{version}\n" + (
        f"initrd /initramfs-{version}.img $tuned_initrd\noptions {options}\ngrub_class kernel\n"
    )


RED_HAT = """
load_env
set default="${saved_entry}"
if [ -z "${kernelopts}" ]; then
  set kernelopts="root=UUID=1 ro"
fi
insmod blscfg
blscfg
"""


@pytest.mark.parametrize(
    ("grubenv", "kernel", "options"),
    [
        ("", "/vmlinuz-5.14.0-503", "root=UUID=1 ro"),
        (f"saved_entry={MACHINE}-5.14.0-70\nkernelopts=root=/dev/vda4 ro quiet\n", "/vmlinuz-5.14.0-70",
         "root=/dev/vda4 ro quiet"),
    ],
)  # fmt: skip
def test_red_hats_entries(grubenv: str, kernel: str, options: str) -> None:
    """GRUB boots the entry that grubenv names, else the newest; grubenv's variables are in the options."""
    texts = {
        f"/loader/entries/{MACHINE}-{v}.conf": _entry(v) for v in ("5.14.0-70", "5.14.0-503", "5.14.0-9")
    }
    entry = found({"/grub2/grub.cfg": RED_HAT, "/grub2/grubenv": grubenv, **texts})
    assert entry is not None
    version = kernel.removeprefix("/vmlinuz-")
    assert entry == Entry(kernel, (f"/initramfs-{version}.img",), options, f"Linux {version}")


@pytest.mark.parametrize(("default", "version"), [("", "6.10"), ("a-6.9*", "6.9"), ("a-6.9.conf", "6.9")])
def test_systemd_boots_entries(default: str, version: str) -> None:
    """Without GRUB: loader.conf's default, else the newest; what starts no kernel is no entry."""
    texts = {
        "/loader/loader.conf": f"timeout 3\ndefault {default}\n",
        "/loader/entries/a-6.9.conf": _entry("6.9", "root=a\noptions quiet"),
        "/loader/entries/a-6.10+3-0.conf": _entry("6.10", "root=a\noptions quiet"),
        "/loader/entries/z-shell.conf": "title Shell\nefi /shell.efi\n",
        "/loader/entries/README": "linux /no\n",
    }
    entry = found(texts)
    assert entry is not None
    assert (entry.kernel, entry.options) == (f"/vmlinuz-{version}", "root=a quiet")


EXTLINUX = """
TIMEOUT 10
DEFAULT old
MENU TITLE x
LABEL new
  LINUX ../vmlinuz-2
  INITRD ../initrd-2
  APPEND root=/dev/vda1 ro
LABEL old
\tMENU LABEL the old one
\tKERNEL /vmlinuz-1
\tAPPEND initrd=/ucode.img,initrd-1 root=/dev/vda1 ro
"""


def test_extlinux() -> None:
    """The default label; names are relative to the configuration; ramdisks may be in the options."""
    path = "/boot/extlinux/extlinux.conf"
    assert found({path: EXTLINUX}) == Entry(
        "/vmlinuz-1", ("/ucode.img", "/boot/extlinux/initrd-1"), "root=/dev/vda1 ro", "old"
    )
    chosen = found({path: EXTLINUX.replace("  INITRD", "  MENU DEFAULT\n  INITRD")})
    assert chosen is not None
    assert (chosen.kernel, chosen.ramdisks) == (
        "/boot/extlinux/../vmlinuz-2",
        ("/boot/extlinux/../initrd-2",),
    )
    with pytest.raises(BootError, match="starts no kernel"):
        found({path: "DEFAULT a\nLABEL a\nCOM32 x.c32\n"})


def test_what_is_given_counts() -> None:
    """A kernel given is taken with its ramdisk and command line alone; a command line replaces the found one;
    a configuration given is the only one looked at.
    """
    texts = {"/boot/grub/grub.cfg": "linux /a x; initrd /b", "/grub/mine.cfg": "linux /c y"}
    assert found(texts) == Entry("/a", ("/b",), "x")
    assert found(texts, NONE._replace(kernel="/k", command_line="z")) == Entry("/k", (), "z")
    assert found(texts, NONE._replace(command_line="z")) == Entry("/a", ("/b",), "z")
    assert found(texts, NONE._replace(configuration="/grub/mine.cfg")) == Entry("/c", (), "y")
    with pytest.raises(BootError, match=r"there is no /grub/other\.cfg"):
        found(texts, NONE._replace(configuration="/grub/other.cfg"))
    assert found({}) is None


def test_the_links_to_the_newest_kernel_need_a_command_line() -> None:
    """Debian's links are started where nothing is configured, but never without a root= of somebody's."""
    files = Files({"/vmlinuz": "k", "/boot/initrd.img": "i"})
    assert finding.linked("root=/dev/vda1", files) == Entry(
        "/vmlinuz", ("/boot/initrd.img",), "root=/dev/vda1"
    )
    assert finding.linked("", files) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("UUID=ab-cd /boot ext4 defaults 0 2", ("/dev/disk/by-uuid/ab-cd", "ext4")),
        ('LABEL="BOOT" /boot/ xfs defaults', ("/dev/disk/by-label/BOOT", "xfs")),
        ("/dev/vda2 /boot ext4 defaults", ("/dev/vda2", "ext4")),
        ("# /dev/vda2 /boot ext4", None),
        ("UUID=../../x /boot ext4 defaults", None),
        ("UUID=1 /boot/efi vfat umask=0077", None),
        ("tmpfs /boot tmpfs defaults", None),
    ],
)
def test_a_boot_partition_of_its_own(line: str, expected: tuple[str, str] | None) -> None:
    """fstab names it, by what udev makes links of."""
    assert finding.boot_partition(f"UUID=1 / ext4 defaults 0 1\n{line}\n") == expected


def test_upstreams_variables_mean_the_same() -> None:
    """Paths may lack their slash; a ramdisk without a kernel is a mistake; all mistakes are told at once."""
    given = {"BLOCK_DEVICE": "/dev/vda1", "FS_TYPE": "ext4", "GRUBCFG_PATH": "grub/grub.cfg"}
    assert read(given) == NONE._replace(configuration="/grub/grub.cfg")
    with pytest.raises(
        SettingsError, match=r"BLOCK_DEVICE is not set; FS_TYPE is not set; INITRD_PATH is set"
    ):
        read({"INITRD_PATH": "/i"})


@given(st.text(max_size=300))
def test_any_text_ends_in_an_entry_or_an_error(text: str) -> None:
    """Whatever is in the files, the readers end."""
    loader_entries.entry(text)
    finding.boot_partition(text)
    with suppress(BootError):
        extlinux.default_entry("/extlinux.conf", Files({"/extlinux.conf": text}))
