"""What the steps are made of: configurations, specifications, packets, and the files in the root."""

import struct
import subprocess
import sys
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import osie
from osie.contracts.kernel_parameters import parse
from osie.ramdisk import (
    clock,
    console,
    devices,
    dhcp,
    dockerd,
    engine,
    machine,
    memory,
    podman,
    reboot,
    registries,
    syslog,
)
from osie.ramdisk.program import STORAGE
from osie.ramdisk.report import Reporter
from osie.ramdisk.worker_container import identified, specification

_COSTLY = {"dataclasses", "inspect", "hashlib", "ssl", "http.client", "email", "logging", "random"}
_ROOM = Path(osie.__file__).parent / "ramdisk"


def test_starting_loads_no_costly_module() -> None:
    """Each import is time between power-on and the worker: what costs much isn't loaded at the start."""
    shown = "import sys, osie.ramdisk.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-S", "-s", "-c", shown],
        env={"PYTHONPATH": str(_ROOM.parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "osie.ramdisk.network" in loaded.stdout.split()
    assert not _COSTLY & set(loaded.stdout.split())


def test_one_version() -> None:
    """The banner's version is the project's."""
    project = tomllib.loads((_ROOM.parents[2] / "pyproject.toml").read_text())["project"]
    assert project.get("version", osie.__version__) == osie.__version__


def test_daemon_json() -> None:
    """The engine gets the registries without TLS, bounded logs, and survives its own restart."""
    config = dockerd.daemon_json(parse("insecure_registries=10.0.0.1:5000,b:5000"))
    assert config["insecure-registries"] == ["10.0.0.1:5000", "b:5000"]
    assert config["live-restore"] is True
    assert config["log-opts"]["max-size"] == "4m"
    assert "insecure-registries" not in dockerd.daemon_json(parse(""))


def test_podmans_registries() -> None:
    """A name without a registry is Docker Hub's, as with Docker; those without TLS are told one by one."""
    config = tomllib.loads(podman.registries_conf(parse("insecure_registries=10.0.0.1:5000,b:5000")))
    assert config["unqualified-search-registries"] == ["docker.io"]
    assert [(one["location"], one["insecure"]) for one in config["registry"]] == [
        ("10.0.0.1:5000", True),
        ("b:5000", True),
    ]
    assert "registry" not in tomllib.loads(podman.registries_conf(parse("")))


def test_registries_that_the_engines_would_break_on() -> None:
    """With a scheme or a path they are understood; what is no host is left out, told, and breaks no file."""
    asked_for = parse(
        "insecure_registries=http://a:5000,https://b/x/,[fd00::1]:5000,10.0.0.0/8,c\\d,e'f,g:99999,a:5000"
    )
    told = registries.without_tls(asked_for.insecure_registries)
    assert told.taken == ("a:5000", "b", "[fd00::1]:5000", "10.0.0.0/8")
    assert told.ignored == ("c\\d", "e'f", "g:99999")
    config = tomllib.loads(podman.registries_conf(asked_for))
    assert [one["location"] for one in config["registry"]] == list(told.taken)
    assert dockerd.daemon_json(asked_for)["insecure-registries"] == list(told.taken)


@given(st.lists(st.text()))
def test_any_registry_is_survived(entries: list[str]) -> None:
    """Whatever stands there, Podman's file can be read."""
    given_ones = parse("")._replace(insecure_registries=tuple(entries))
    tomllib.loads(podman.registries_conf(given_ones))


def test_podmans_files_are_valid() -> None:
    """Native overlay on the engine's own file system, the embedded image beside it, Docker's socket."""
    program = podman.program(parse(""))
    parsed = {
        path.name: tomllib.loads(text) for path, text in program.files.items() if path.suffix == ".conf"
    }
    storage = parsed["storage.conf"]["storage"]
    assert (storage["driver"], storage["graphroot"]) == ("overlay", str(STORAGE))
    assert storage["transient_store"] is True, "else a full storage stays full"
    assert storage["options"]["additionalimagestores"] == ["/usr/lib/osie/podman"]
    assert parsed["containers.conf"]["engine"]["runtime"] == "crun"
    assert program.argv[-1] == "unix:///var/run/docker.sock"


def test_the_engine_pulls_through_the_proxies() -> None:
    """Given proxies become the engine's environment, absent ones don't."""
    assert engine.environment(parse("https_proxy=http://p:3128")) == {"HTTPS_PROXY": "http://p:3128"}


def test_the_workers_container() -> None:
    """Privileged, host network, the four mounts that upstream's workers expect, and the environment."""
    spec = specification("w", parse("grpc_authority=a:1 worker_id=me").worker_environment())
    assert "TINKERBELL_GRPC_AUTHORITY=a:1" in spec["Env"]
    assert "WORKER_ID=me" in spec["Env"]
    host = spec["HostConfig"]
    assert (host["Privileged"], host["NetworkMode"]) == (True, "host")
    targets = [bind.partition(":")[2] for bind in host["Binds"]]
    assert targets == ["/worker", "/var/run/docker.sock", "/dev", "/run"]


def test_identity_falls_back_to_the_boot_nic() -> None:
    """Asked-for identity, else hw_addr, else the NIC that the network came up on."""
    assert identified(parse("worker_id=me"), "m").identity == "me"
    assert identified(parse("hw_addr=52:54:00:00:00:01"), "m").identity == "52:54:00:00:00:01"
    assert identified(parse(""), "m").identity == "m"


def test_ntp_offset() -> None:
    """The offset of RFC 5905; a refusal (stratum 0) and a short packet are no answers."""
    era = 2208988800
    answer = bytes([0x24, 2]) + bytes(30) + struct.pack(">IIII", era + 1005, 0, era + 1005, 0)
    assert clock.offset_s(answer, sent=1000.0, received=1000.0) == 5.0
    assert clock.offset_s(bytes([0x24, 0]) + answer[2:], sent=0, received=0) is None
    assert clock.offset_s(answer[:40], sent=0, received=0) is None


def test_no_time_before_the_build_is_taken() -> None:
    """A time server whose own clock stands in 1975 would make every certificate invalid."""
    assert clock.possible(5.0, now=1_800_000_000.0, built=1_700_000_000.0)
    assert not clock.possible(-1.6e9, now=1_800_000_000.0, built=1_700_000_000.0)
    assert clock.possible(1.8e9, now=10.0, built=1_700_000_000.0), "ours may stand in 1970"


@given(st.binary(max_size=100))
def test_any_packet_is_survived(packet: bytes) -> None:
    """Whatever a server sends, the clock step goes on."""
    clock.offset_s(packet, sent=0.0, received=0.0)


def test_http_date() -> None:
    """A machine without a working clock can learn the time from any HTTP answer."""
    assert clock.http_date(b"HTTP/1.0 404\r\nDate: Thu, 01 Jan 1970 00:01:00 GMT\r\n\r\n") == 60.0
    assert clock.http_date(b"HTTP/1.0 404\r\nDate: soon\r\n\r\n") is None


def test_syslog_packets() -> None:
    """RFC 3164: our lines are `TAG: content` as they are; failures have the severity of errors."""
    assert syslog.packet("osie: engine ok at=1.000", host="m1", at=0.0) == (
        b"<30>Jan  1 00:00:00 m1 osie: engine ok at=1.000"
    )
    assert syslog.packet("osie: engine failed at=1.000", host="m1", at=0.0).startswith(b"<27>")


def test_memory_is_said_when_the_peak_rises(tmp_path: Path) -> None:
    """A line comes at each 16 MiB of new peak, and at the end; a fall alone says nothing."""
    meminfo, heard, reporter = tmp_path / "meminfo", list[str](), Reporter()
    reporter.add(heard.append)
    watch = memory.MemoryWatch(reporter, meminfo)
    for available_mib in (900, 890, 880, 990):
        meminfo.write_text(f"MemTotal: {1000 * 1024} kB\nMemAvailable: {available_mib * 1024} kB\n")
        watch.sample()
    watch.conclude()
    assert [line.split(" ", 3)[3] for line in heard] == [
        "used_mib=100 peak_used_mib=100 total_mib=1000",
        "used_mib=120 peak_used_mib=120 total_mib=1000",
        "used_mib=10 peak_used_mib=120 total_mib=1000",
    ]


def test_the_banner_names_the_machine(tmp_path: Path) -> None:
    """Maker and product, but not what a maker left unset."""
    dmi = tmp_path / "sys/class/dmi/id"
    dmi.mkdir(parents=True)
    (dmi / "sys_vendor").write_text("Example\n")
    (dmi / "product_name").write_text("R1\n")
    (dmi / "product_serial").write_text("Not Specified\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1048576 kB\n")
    text = "\n".join(machine.banner("1.0", machine.read(tmp_path)))
    assert "Welcome to Osie 1.0" in text
    assert "Example R1, serial unknown" in text
    assert "1024 MiB" in text


def test_every_active_console(tmp_path: Path) -> None:
    """All consoles of the kernel's are written, not only the last."""
    (tmp_path / "console").mkdir()
    (tmp_path / "console/active").write_text("tty0 ttyS0\n")
    assert console.active(tmp_path) == [Path("/dev/tty0"), Path("/dev/ttyS0")]
    assert console.active(tmp_path / "none") == [Path("/dev/console")]


def test_mounts_are_not_repeated() -> None:
    """What is mounted is told by its mount point; the engine's share of the memory is bounded."""
    assert devices.mounted("22 1 0:20 / /proc rw - proc proc rw\n") == {"/proc"}
    options = {mount.target: mount.options for mount in devices.wanted(efi=False, storage_mib=321)}
    assert "size=321m" in options["/var/lib/docker"]
    assert all("size=" in options[target] for target in ("/run", "/dev/shm"))
    assert "/sys/firmware/efi/efivars" in {
        mount.target for mount in devices.wanted(efi=True, storage_mib=321)
    }


def test_disks_are_unmounted_deepest_first() -> None:
    """Only block devices; blanks in names are read as /proc/mounts writes them."""
    mounts = "overlay / overlay rw 0 0\n/dev/sda1 /mnt ext4 rw 0 0\n/dev/sda2 /mnt/a\\040b ext4 rw 0 0\n"
    assert reboot.on_disks(mounts) == ["/mnt/a b", "/mnt"]


def test_the_dhcp_script_and_its_reader() -> None:
    """What udhcpc hands to our script arrives, values with blanks and line ends included."""
    script = _ROOM / "root/usr/lib/osie/dhcp-event"
    environment = {"PATH": "/usr/bin:/bin", "ip": "10.0.0.5", "dns": "1.1.1.1 8.8.8.8", "x": "a\nb"}
    with subprocess.Popen([script, "bound"], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        (event,) = dhcp.events(process.stdout)
    assert event["event"] == "bound"
    assert (event["ip"], event["dns"], event["x"]) == ("10.0.0.5", "1.1.1.1 8.8.8.8", "a\nb")


def test_scripts_are_valid_shell() -> None:
    """Every script parses, and can be executed."""
    for script in [_ROOM / "initramfs/init", *(_ROOM / "root/usr/lib/osie").iterdir()]:
        assert script.stat().st_mode & 0o111, script
        subprocess.run(["busybox", "sh", "-n", script], check=True)


def test_no_shell_unless_asked_for() -> None:
    """Init is told of a shell only by the script that looks for osie.debug."""
    inittab = (_ROOM / "root/etc/inittab").read_text()
    assert "askfirst" not in inittab
    assert "osie.debug" in (_ROOM / "root/usr/lib/osie/console-shell").read_text()
