"""Who watches for faults while the machine runs: the kernel's log, the engine's storage, the memory."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from osie.core.disk_space import DiskSpace, disk_space
from osie.ramdisk import memory, storage
from osie.ramdisk.kernel_log import KernelLog, message
from osie.ramdisk.report import Reporter

MIB = 1 << 20


def heard() -> tuple[Reporter, list[str]]:
    """A reporter and what it says, without the times."""
    reporter, lines = Reporter(), list[str]()
    reporter.add(lambda text: lines.append(" ".join(w for w in text.split() if not w.startswith("at="))))
    return reporter, lines


def test_the_kernel_says_that_it_killed_something() -> None:
    """Both kinds of "out of memory" are told with the program's name; other messages are not."""
    reporter, lines = heard()
    log = KernelLog(reporter)
    log.hear("Out of memory: Killed process 812 (python3) total-vm:9kB, anon-rss:8kB, UID:0")
    log.hear("Memory cgroup out of memory: Killed process 9 (a b) total-vm:9kB")
    log.hear("virtio_net virtio0 enp0s2: renamed from eth0")
    assert [line.split(" reason=")[0] for line in lines] == [
        "osie: out-of-memory killed=python3 pid=812",
        'osie: out-of-memory killed="a b" pid=9',
    ]


def test_a_damaged_root_is_told_once() -> None:
    """The kernel repeats itself with each read; we say it once, with what to check."""
    reporter, lines = heard()
    log = KernelLog(reporter)
    for _ in range(3):
        log.hear("SQUASHFS error: zstd decompression failed, data probably corrupt")
    assert len(lines) == 2
    assert "osie: root-damaged reason=" in lines[0]
    assert "data probably corrupt" in lines[0]
    assert lines[1].startswith("osie: root-damaged check: ")


def test_records_are_read_to_the_end(tmp_path: Path) -> None:
    """A record's text is what follows its head; the details after it are left out."""
    reporter, lines = heard()
    record = "3,1,5,-;Out of memory: Killed process 1 (x) y\n SUBSYSTEM=x\n"
    assert message(record) == "Out of memory: Killed process 1 (x) y"
    (tmp_path / "kmsg").write_text(record)
    KernelLog(reporter, tmp_path / "told").follow(tmp_path / "kmsg")
    assert len(lines) == 1


def test_a_later_run_of_ours_tells_only_what_is_new(tmp_path: Path) -> None:
    """Our program may be started again: what the kernel killed long ago was told by the one before."""
    reporter, lines = heard()
    kmsg = tmp_path / "kmsg"
    for numbers in ([5], [5, 6]):
        kills = [f"3,{number},9,-;Out of memory: Killed process {number} (x) y\n" for number in numbers]
        kmsg.write_text(kills[-1])
        KernelLog(reporter, tmp_path / "told").follow(kmsg)
    KernelLog(reporter, tmp_path / "told").follow(kmsg)
    assert [line.partition("pid=")[2][0] for line in lines] == ["5", "6"]


@given(st.text(max_size=100))
def test_any_record_is_survived(record: str) -> None:
    """Whatever the kernel logs, the watch goes on."""
    KernelLog(Reporter()).hear(message(record))


def test_a_full_storage_is_told_once_until_it_eased() -> None:
    """Full is said when it comes, not at each look; after there was room again, it may be said again."""
    reporter, lines = heard()
    free = [200, 5, 4, 20, 100, 5]
    looks = iter([DiskSpace(300 * MIB, mib * MIB) for mib in free])
    watch = storage.StorageWatch(reporter, lambda: next(looks))
    for _ in free:
        watch.sample()
    events = [line.split()[1] for line in lines if "check:" not in line]
    assert events == ["storage-full", "storage-eased", "storage-full"]
    assert "free_mib=5 size_mib=300" in lines[0]


def test_a_storage_that_is_not_there_yet_is_no_fault() -> None:
    """Before the file systems are mounted there is nothing to say."""
    reporter, lines = heard()
    storage.StorageWatch(reporter, lambda: disk_space(Path("/there/is/no/such/folder"))).sample()
    assert lines == []


def test_the_limit_leaves_room_for_what_runs() -> None:
    """Half of what is free, which the compressed root, in memory too, no longer is."""
    assert storage.limit_mib({"MemTotal": 711, "MemAvailable": 560}) == 280


def test_containers_are_bounded_once(tmp_path: Path) -> None:
    """All containers together leave 96 MiB of what was free; a later run of ours keeps the first bound."""
    meminfo = tmp_path / "meminfo"
    for available_mib in (400, 200):
        meminfo.write_text(f"MemTotal: 715000 kB\nMemAvailable: {available_mib * 1024} kB\n")
        memory.bound_containers(meminfo, tmp_path)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory"
    for name in ("docker", "libpod_parent"):
        assert (tmp_path / name / "memory.max").read_text() == "304M"


def test_we_go_last(tmp_path: Path) -> None:
    """The kernel is told to end others first."""
    memory.go_last(tmp_path / "oom_score_adj")
    assert int((tmp_path / "oom_score_adj").read_text()) <= -500
