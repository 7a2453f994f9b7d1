"""GRUB's configuration decides the same here as in GRUB."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.actions.kexec.boot_files import Files

from osie.actions.kexec import grub
from osie.actions.kexec.entry import BootError, Entry

PATH = "/boot/grub/grub.cfg"

# In the shape of what grub-mkconfig writes (2.06 to 2.12): variables from grubenv, functions, an entry, a
# submenu with older kernels, and the firmware's own menu.
DEBIAN = r"""
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="DEFAULT"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
export menuentry_id_option
function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod efi_gop
  fi
}
function gfxmode {
	set gfxpayload="${1}"
	if [ "${1}" = "keep" ]; then
		set vt_handoff=vt.handoff=7
	else
		set vt_handoff=
	fi
}
if [ "${recordfail}" != 1 ]; then
  set linux_gfx_mode=keep
else
  set linux_gfx_mode=text
fi
if [ $grub_platform = efi ]; then
  set timeout=30
elif sleep --interruptible 0 ; then
  set timeout=0
fi
menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple-UUID' {
	savedefault
	load_video
	gfxmode $linux_gfx_mode
	insmod gzio # a comment; with words
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	search --no-floppy --fs-uuid --set=root UUID
	echo	'Loading Linux 6.12 ...'
	linux	/boot/vmlinuz-6.12 root=UUID=0a-1b ro  quiet splash $vt_handoff
	echo	'Loading initial ramdisk ...'
	initrd	/boot/microcode.img /boot/initrd.img-6.12
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-UUID' {
	menuentry 'Debian GNU/Linux, with Linux 6.12' --class debian $menuentry_id_option 'gnulinux-6.12-UUID' {
		linux	/boot/vmlinuz-6.12 root=UUID=0a-1b ro
		initrd	/boot/initrd.img-6.12
	}
	menuentry "Debian GNU/Linux, with Linux 6.1 (it's old)" $menuentry_id_option 'gnulinux-6.1-UUID' {
		linux	($root)/boot/vmlinuz-6.1 root=UUID=0a-1b "dyndbg=file a.c +p" ro \
			single
		initrd	(hd0,gpt2)/boot/initrd.img-6.1
	}
}
if [ "$grub_platform" = "efi" ]; then
	menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
		fwsetup
	}
fi
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
"""

SIMPLE = Entry(
    "/boot/vmlinuz-6.12",
    ("/boot/microcode.img", "/boot/initrd.img-6.12"),
    "root=UUID=0a-1b ro quiet splash vt.handoff=7",
    "Debian GNU/Linux",
)
OLD = Entry(
    "/boot/vmlinuz-6.1",
    ("/boot/initrd.img-6.1",),
    "root=UUID=0a-1b dyndbg=file a.c +p ro single",
    "Debian GNU/Linux, with Linux 6.1 (it's old)",
)


def booted(text: str, *, platform: str = "pc", **others: str) -> Entry:
    """What the configuration boots, with these other files beside it."""
    beside = {f"/boot/grub/{name.replace('_', '.')}": content for name, content in others.items()}
    return grub.default_entry(PATH, Files({PATH: text, **beside}), platform=platform)


@pytest.mark.parametrize(
    ("default", "grubenv", "expected"),
    [
        ("0", "", SIMPLE),
        ("", "", SIMPLE),
        ("gnulinux-simple-UUID", "", SIMPLE),
        ("no such entry", "", SIMPLE),
        ("1>1", "", OLD),
        ("gnulinux-advanced-UUID>gnulinux-6.1-UUID", "", OLD),
        ("Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1 (it's old)", "", OLD),
        ("${saved_entry}", "saved_entry=gnulinux-advanced-UUID>gnulinux-6.1-UUID\n", OLD),
        ("0", "next_entry=1>1\n", OLD),
    ],
)
def test_the_default_entry_is_found(default: str, grubenv: str, expected: Entry) -> None:
    """By number, id and title, in submenus too, as saved, once only, or the first where it names none."""
    text = DEBIAN.replace("DEFAULT", default)
    block = f"# GRUB Environment Block\n{grubenv}" + "#" * 100
    assert booted(text, grubenv=block) == expected


def test_other_files_are_read() -> None:
    """An entry of custom.cfg counts like any other; one that isn't there is none."""
    custom = "menuentry mine { linux /k a=b; initrd /i }"
    assert booted(DEBIAN.replace("DEFAULT", "mine"), custom_cfg=custom) == Entry("/k", ("/i",), "a=b", "mine")


def test_what_boots_without_a_menu() -> None:
    """A configuration may boot by itself, by what platform it runs on; what follows `boot` is not reached."""
    text = (
        "if [ $grub_platform = pc ]; then linux16 /bios a\nelse\nlinux /efi b\ninitrd /i\nfi\nboot\nlinux /x"
    )
    assert booted(text) == Entry("/bios", (), "a")
    assert booted(text, platform="efi") == Entry("/efi", ("/i",), "b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set a='x y'\nlinux /k $a \"$a\" '$a' \\$a ${a}z", "x y x y $a $a x yz"),
        ("linux /k a=$none $none b", "a= b"),
        ("if ! true; then set a=1; fi\nlinux /k a", "a"),
        ("set a=1; unset a; linux /k [$a]", "[]"),
        ("for x in a b; do echo $x; done\nlinux /k a", "a"),
        ("function f { linux /k $1 $2; return; set x=1; }\nf a 'b c'", "a b c"),
        ("if [ 3 -gt 2 -a ! -z x -o -n '' ]; then linux /k a; else linux /k b; fi", "a"),
        ("if [ -d /boot ]; then linux /k d; elif test -e /boot/grub/grub.cfg; then linux /k e; fi", "e"),
        ("linux /k a;linux /k b#c", "b#c"),
        ("search --label L --set boot\nlinux ($boot)/k a", "a"),
    ],
)
def test_the_language(text: str, expected: str) -> None:
    """Quotes, variables, conditions, functions: as GRUB's manual has them, and its own checker takes them."""
    assert booted(text).options == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no entry"),
        ("menuentry a { echo a }", "starts no kernel"),
        ("menuentry Xen { multiboot2 /xen.gz; module2 /k }", "by `multiboot2`"),
        ("menuentry a { chainloader +1 }", "by `chainloader`"),
        ("menuentry 'a {\n}", "line 1 .* quote"),
        ("if true; then", "its end where 'fi' should be"),
        ("}", "'}' where"),
        ("function f { f; }\nf", "deeper than"),
        ("if true; then " * 40, "deeper than"),
        ("source $config_file", "deeper than"),
        ("function f { " + "true;" * 300 + "}\n" + "f\n" * 100, "more than 20000 commands"),
    ],
)
def test_what_boots_nothing_is_an_error(text: str, why: str) -> None:
    """One line says why; nothing runs for ever."""
    with pytest.raises(BootError, match=why):
        booted(text)


def test_growing_variables_are_bounded() -> None:
    """A variable that doubles itself doesn't fill the memory."""
    assert len(booted("set a=0123456789\n" + "set a=$a$a\n" * 200 + "linux /k $a").options) == 64 * 1024


@given(st.text(alphabet="if then els#;\n {}'\"$a\\=()menutry>", max_size=200))
def test_any_text_ends_in_an_entry_or_an_error(text: str) -> None:
    """No configuration breaks the reader."""
    with suppress(BootError):
        booted(text)


@given(
    st.lists(
        st.sampled_from(["'a b'", '"c $d"', "e\\ f", "$g", "${h}i", "j", "k=l", "'m'n\"o\""]), max_size=6
    )
)
def test_what_grub_itself_takes_is_taken(words: list[str]) -> None:
    """Its own checker and we agree on lines of words."""
    line = f"linux /k {' '.join(words)}\n"
    assert subprocess.run(["grub-script-check"], input=line.encode(), check=False).returncode == 0
    assert booted(line).kernel == "/k"


def test_grubs_checker_takes_the_examples(tmp_path: Path) -> None:
    """The configuration that these tests are about is one."""
    (tmp_path / "grub.cfg").write_text(DEBIAN)
    subprocess.run(["grub-script-check", tmp_path / "grub.cfg"], check=True)
