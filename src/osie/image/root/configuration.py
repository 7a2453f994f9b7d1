"""What Debian's maintainer scripts would have done, as far as the ramdisk needs it: none of them has run."""

from pathlib import Path

from osie.core.errors import OsieError
from osie.core.process import run
from osie.image.profile import inside

_FOLDERS = ("dev", "proc", "sys", "run", "tmp", "root", "mnt", "var/lib", "var/log", "var/tmp", "etc")
_OS_RELEASE = """\
NAME="Osie"
ID=osie
ID_LIKE=debian
PRETTY_NAME="Osie, the installation environment"
"""
_NSSWITCH = """\
passwd: files
group: files
hosts: files dns
services: files
protocols: files
"""
_HOSTS = """\
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
"""
# udev's rules name these groups; systemd's sysusers would make them.
_MORE_GROUPS = {"input": 990, "sgx": 991, "kvm": 992, "render": 993, "clock": 994, "docker": 995}
_IPTABLES = (
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
)


def configure(root: Path) -> None:
    """Make the unpacked files a system that starts."""
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in inside.MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        _link(root / name, f"usr/{name}")
    _link(root / "var/run", "/run")
    _text(root / "usr/lib/os-release", _OS_RELEASE)
    _link(root / "etc/os-release", "../usr/lib/os-release")
    _text(root / "etc/nsswitch.conf", _NSSWITCH)
    _text(root / "etc/hosts", _HOSTS)
    _accounts(root)
    _certificates(root)
    for name in _IPTABLES:  # update-alternatives' choice
        if (root / "usr/sbin/xtables-nft-multi").exists():
            _link(root / "usr/sbin" / name, "xtables-nft-multi")
    if (root / "usr/bin/crun").exists() and not (root / "usr/sbin/runc").exists():
        _link(
            root / "usr/sbin/runc", "../bin/crun"
        )  # Docker's default runtime by name; crun takes its arguments
    _applets(root)


def _accounts(root: Path) -> None:
    masters = root / "usr/share/base-passwd"
    passwd = (masters / "passwd.master").read_text().replace("/bin/bash", "/bin/sh")
    groups = "".join(f"{name}:*:{number}:\n" for name, number in _MORE_GROUPS.items())
    _text(root / "etc/passwd", passwd)
    _text(root / "etc/group", (masters / "group.master").read_text() + groups)


def _certificates(root: Path) -> None:
    """One bundle, as update-ca-certificates makes it, at OpenSSL's default place too."""
    sources = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    if not sources:
        raise OsieError("no CA certificates in the root: the profile needs the package ca-certificates")
    _text(root / "etc/ssl/certs/ca-certificates.crt", "".join(path.read_text() for path in sources))
    _link(root / "usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")
    for path in sources:
        path.unlink()


def _applets(root: Path) -> None:
    """Busybox stands in for every program that the root has no own file for: /bin/sh and /sbin/init too."""
    busybox = root / "usr/bin/busybox"
    present = {path.name for folder in ("usr/bin", "usr/sbin") for path in (root / folder).iterdir()}
    for line in run([busybox, "--list-full"]).stdout.split():
        place = Path(line.removeprefix("usr/"))
        if place.name not in present and place.parts[0] in ("bin", "sbin"):
            _link(root / "usr" / place, "../bin/busybox" if place.parts[0] == "sbin" else "busybox")
    if not (root / "usr/sbin/init").is_symlink():
        _link(root / "usr/sbin/init", "../bin/busybox")


def _link(place: Path, target: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink():
        place.symlink_to(target)


def _text(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_text(text)
