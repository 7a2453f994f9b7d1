"""The base layer: Debian's Python, what our gRPC needs, certificates and a shell, and nothing else."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from osie.core import packages
from osie.core.cache import Cache
from osie.core.debian import PackageSet
from osie.core.files import sha256_of_file
from osie.oci import layer, selection
from osie.oci.interpreter import Interpreter, one
from osie.oci.layer import Layer

ARCHITECTURE = "amd64"

UNPACKED_WITHOUT = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/lib/*-linux-gnu/gconv/*",
)

_LINKS = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "sbin": "usr/sbin",
    # Where OpenSSL looks when nobody names a file. SSL_CERT_FILE takes precedence.
    "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt",
}

_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\ndisk:x:6:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/os-release": 'ID=osie\nID_LIKE=debian\nNAME="Osie"\nPRETTY_NAME="Osie (Debian 13)"\n',
}

_FOLDERS = ("dev", "proc", "root", "run", "sys", "tmp", "usr/sbin", "var/tmp")


@dataclass(frozen=True)
class Base:
    """The built base: the layer, and the tree it was packed from, whose Python compiles the upper layers."""

    layer: Layer
    root: Path


def build(cache: Cache, *, mirror: str = "") -> Base:
    """Return the base layer, built where the packages or the recipe changed."""
    wanted = PackageSet(selection.PACKAGES, mirror=mirror)
    unpacked = packages.unpacked(wanted, cache, step="oci-packages", exclude=UNPACKED_WITHOUT)

    def pack(folder: Path) -> None:
        assemble(unpacked, folder / "root")
        layer.write(folder / "root", folder)

    built = cache.read("oci-base", [unpacked.parent.name, recipe()], pack, Layer.read)
    return Base(built, built.folder / "root")


def assemble(unpacked: Path, root: Path) -> None:
    """Make the base's tree in `root` of the unpacked packages."""
    select(unpacked, root)
    furnish(root, unpacked)
    _compile(root)


def recipe() -> str:
    """A digest of the code that decides what a layer looks like."""
    return "".join(_CODE)


def select(unpacked: Path, root: Path) -> None:
    """Copy what the selection wants from `unpacked` to `root`, and the shared libraries that needs."""
    unpacked = unpacked.resolve()
    interpreter = Interpreter(unpacked)
    libraries = {one(unpacked, f"usr/lib/*/{name}") for name in selection.LIBRARIES}
    libraries.add(one(unpacked, "usr/lib64/ld-linux-*.so.*"))
    for path in sorted(unpacked.rglob("*")):
        name = path.relative_to(unpacked).as_posix()
        if path.is_dir() or not selection.wanted(name):
            continue
        copy(path, root / name)
        if not path.is_symlink() and is_elf(path):
            libraries |= interpreter.libraries_of(path)
    for library in sorted(libraries):
        for path in {library, library.resolve()}:  # the name that programs ask for, and the file it leads to
            copy(path, root / path.relative_to(unpacked))


def furnish(root: Path, unpacked: Path) -> None:
    """Add what no package holds: links, accounts, the shell's names, the bundle of certificates."""
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    for name, target in _LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    for name in selection.APPLETS:
        (root / "usr/bin" / name).symlink_to("busybox")
    certificates = sorted((unpacked / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = "".join(certificate.read_text().strip() + "\n" for certificate in certificates)
    for name, content in {**_FILES, "etc/ssl/certs/ca-certificates.crt": bundle}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def _compile(root: Path) -> None:
    """Turn every module of Debian's into byte code alone: half the size, and nothing to compile at start."""
    interpreter = Interpreter(root)
    for name in (selection.PYTHON, "usr/lib/python3/dist-packages"):
        interpreter.compile(root / name, strip=root, beside=True)
    for source in sorted(root.glob("usr/lib/python3*/**/*.py")):
        if source.with_suffix(".pyc").exists():
            source.unlink()


def copy(path: Path, target: Path) -> None:
    """Copy a file or a link, with the folders above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target, follow_symlinks=False)


def is_elf(path: Path) -> bool:
    """Whether the file is a program or a library."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


# As it was loaded: a file that is edited while we run must not pass for what we do.
_PARTS = ("base.py", "interpreter.py", "layer.py", "selection.py")
_CODE = [sha256_of_file(Path(__file__).with_name(part)) for part in _PARTS]
