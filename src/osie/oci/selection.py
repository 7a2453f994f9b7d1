"""What of the unpacked Debian packages goes into the base layer. Pure: names in, a decision out.

Everything here is about size. The image travels inside the ramdisk and is unpacked in the machine's RAM, so
the list says what to keep wherever that is short, and what to leave out of Python's standard library, where
an action may need a module that nobody thought of.
"""

import re
from fnmatch import fnmatchcase

PYTHON = "usr/lib/python3.13"
_DIST = "usr/lib/python3/dist-packages"

PACKAGES = (
    "busybox",  # the shell and the small tools: dynamic, 0.8 MB, where the static one takes 2
    "ca-certificates",
    "python3",
    "python3-grpclib",
    "python3-protobuf",
    "python3-zstandard",
)

# What a shell in the container, and an action that runs one, may count on.
_APPLETS = """
    ash awk basename blkid blockdev cat chmod chown chroot cp cut date dd df dirname dmesg du echo env expr
    false find free fsck grep gunzip head hexdump hostname id ip kill ln losetup ls lsmod md5sum mkdir mkfifo
    mknod mktemp mount mv nc nsenter nslookup od partprobe ping ps pwd readlink realpath rm rmdir sed seq sh
    sha256sum sha512sum sleep sort stat sync tail tar tee test timeout touch tr true umount uname uniq vi wc
    wget which xargs xxd zcat
"""
APPLETS = tuple(_APPLETS.split())

EXECUTABLES = ("usr/bin/busybox", "usr/bin/python3", "usr/bin/python3.13")

# Loaded by name at run time, so no list of needed libraries has it: pthread_exit(3) opens it.
LIBRARIES = ("libgcc_s.so.1",)

_MODULES = ("google", "grpclib", "h2", "hpack", "hyperframe", "multidict", "zstandard")

# Interactive, graphical, for developers; protocols and formats that no provisioning step speaks; other
# systems, and the Python twins of modules that are there in C.
_STANDARD_LIBRARY_WITHOUT = """
    _pyrepl/* curses/* idlelib/* tkinter/* turtledemo/* turtle.py pydoc.py pydoc_data/* doctest.py pdb.py
    bdb.py cmd.py test/* unittest/* ensurepip/* venv/* lib2to3/* this.py antigravity.py pickletools.py
    cProfile.py profile.py pstats.py trace.py tabnanny.py sitecustomize.py LICENSE.txt
    optparse.py wave.py webbrowser.py modulefinder.py pyclbr.py symtable.py

    sqlite3/* dbm/* shelve.py xml/* xmlrpc/* wsgiref/* mailbox.py imaplib.py smtplib.py poplib.py ftplib.py
    plistlib.py

    asyncio/windows_*.py asyncio/proactor_events.py ctypes/macholib/* _ios_support.py _android_support.py
    _aix_support.py _osx_support.py _pydecimal.py _pydatetime.py _pyio.py

    lib-dynload/_test* lib-dynload/xx* lib-dynload/_xx* lib-dynload/_ctypes_test* lib-dynload/_curses*
    lib-dynload/_sqlite3* lib-dynload/_dbm* lib-dynload/_gdbm* lib-dynload/readline* lib-dynload/_tkinter*
    lib-dynload/_lsprof* lib-dynload/_interp* lib-dynload/_uuid* lib-dynload/_codecs_*
    lib-dynload/_multibytecodec*
"""

_LEFT_OUT = (
    # The C++ half of protobuf needs libprotobuf and libstdc++: 6 MB for messages of a few hundred bytes.
    f"{_DIST}/google/protobuf/pyext/*",
    f"{_DIST}/google/protobuf/internal/*.so",
    f"{_DIST}/google/protobuf/compiler/*",
    f"{_DIST}/grpclib/plugin/*",
    f"{_DIST}/zstandard/*cffi*",  # the C extension does the work on CPython
    "*.pyi",
    "*/py.typed",
    *(f"{PYTHON}/{pattern}" for pattern in _STANDARD_LIBRARY_WITHOUT.split()),
)

_ENCODINGS = re.compile(
    rf"{PYTHON}/encodings/"
    r"(__init__|aliases|ascii|base64_codec|bz2_codec|charmap|cp437|cp1252|hex_codec|idna|iso8859_1|iso8859_15"
    r"|latin_1|punycode|quopri_codec|raw_unicode_escape|rot_13|undefined|unicode_escape"
    r"|utf_(7|8|8_sig|16|16_be|16_le|32|32_be|32_le)|uu_codec|zlib_codec)\.py"
)


def wanted(name: str) -> bool:
    """Whether the file of that name, relative to the root, goes into the base layer; libraries apart."""
    if name in EXECUTABLES:
        return True
    if name.startswith(f"{PYTHON}/encodings/"):
        return bool(_ENCODINGS.fullmatch(name))
    if not name.startswith((f"{PYTHON}/", *(f"{_DIST}/{module}/" for module in _MODULES))):
        return False
    return not any(fnmatchcase(name, pattern) for pattern in _LEFT_OUT)
