"""What `make bench-write` measured, as docs/reference/write-speed.md. Pure."""

import statistics
from typing import Any

_MIB, _GIB = 1 << 20, 1 << 30
_BUSY = 0.85  # of all processors: then they are the bound
_OURS = "image2disk"
_GOALS = {
    ("sparse", None): 3.0,
    ("dense", "zstd, frames"): 1.5,
    ("dense", "gzip"): 1.5,
    ("dense", "gzip, members"): 1.5,
    ("dense", "gzip, bgzip"): 1.5,
}
_FLOOR = 0.95
_UNCHECKED = "image2disk, nothing verified"
_GUEST_WAYS = (_OURS, _UNCHECKED, "pipe")
_WAYS = (_OURS, "image2disk, manifest", "pipe", "bmaptool", "qemu-img, local file")


def _median(runs: list[dict[str, Any]], what: str = "seconds") -> float:
    return float(statistics.median(run[what] for run in runs))


def ratio(case: dict[str, Any], way: str = "pipe") -> float:
    """How many times quicker we are than that way: of the medians."""
    return _median(case["ways"][way]) / _median(case["ways"][_OURS])


def goal(case: dict[str, Any]) -> float:
    """The least ratio to the pipe that we want."""
    image = case["image"]
    return _GOALS.get((image, case["format"]), _GOALS.get((image, None), _FLOOR))


def bound(case: dict[str, Any], cpus: int) -> str:
    """What bounds image2disk in this case: the stage that takes longest alone, or all processors."""
    runs = case["ways"][_OURS]
    busy = _median(runs, "cpu_s") / _median(runs) / cpus
    ours = {stage: taken["seconds"] for stage, taken in case["alone"].items() if "theirs" not in stage}
    slowest = max(ours, key=lambda stage: ours[stage])
    told = f"{slowest.partition(',')[0]} ({ours[slowest]:.1f} s alone)"
    return f"processors ({busy:.0%} busy), then {told}" if busy > _BUSY else told


def _ratio_row(case: dict[str, Any], cpus: int) -> str:
    ways = case["ways"]
    seconds = [f"{_median(ways[way]):.2f}" if way in ways else "" for way in _WAYS]
    found, wanted = ratio(case), goal(case)
    mark = f"**{found:.2f}**" if found >= wanted else f"{found:.2f}, goal {wanted:g}"
    return f"| {case['format']} | {' | '.join(seconds)} | {mark} | {bound(case, cpus)} |"


def _host_table(cases: list[dict[str, Any]], image: str, cpus: int) -> list[str]:
    mine = [case for case in cases if case["image"] == image]
    if not mine:
        return []
    size = mine[0]["bytes"] / _GIB
    return [
        "",
        f"## {image.capitalize()} image of {size:g} GiB, loop device",
        "",
        f"| format | {' | '.join(_WAYS)} | pipe / image2disk | what bounds image2disk |",
        f"| --- | {' | '.join('---:' for _ in _WAYS)} | ---: | --- |",
        *(_ratio_row(case, cpus) for case in mine),
        "",
        "Each stage alone, seconds:",
        "",
        "| format | network | digest | decompressor, ours | theirs | disk, ours | theirs |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_stage_row(case) for case in mine),
        "",
        "Processor seconds per GiB of raw image, and memory at its peak:",
        "",
        "| format | image2disk | pipe | bmaptool | image2disk | with a manifest | pipe | bmaptool |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_cost_row(case) for case in mine),
    ]


def _stage_row(case: dict[str, Any]) -> str:
    stages = (
        "network",
        "digest",
        "decompressor, ours",
        "decompressor, theirs",
        "disk, ours",
        "disk, theirs",
    )
    alone = case["alone"]
    seconds = [f"{alone[stage]['seconds']:.2f}" if stage in alone else "" for stage in stages]
    return f"| {case['format']} | {' | '.join(seconds)} |"


def _cost_row(case: dict[str, Any]) -> str:
    ways, gib = case["ways"], case["bytes"] / _GIB
    cpu = [
        f"{_median(ways[way], 'cpu_s') / gib:.2f}" if way in ways else ""
        for way in (_OURS, "pipe", "bmaptool")
    ]
    memory = [
        f"{max(run['peak_mib'] for run in ways[way]):.0f} MiB" if way in ways else ""
        for way in (_OURS, "image2disk, manifest", "pipe", "bmaptool")
    ]
    return f"| {case['format']} | {' | '.join([*cpu, *memory])} |"


def _guest_row(case: dict[str, Any]) -> str:
    ways, gib = case["ways"], case["bytes"] / _GIB
    seconds = [f"{_median(ways[way]):.1f}" for way in _GUEST_WAYS]
    # what does the same work as the pipe is held to the goal
    found, wanted = _median(ways["pipe"]) / _median(ways[_UNCHECKED]), goal(case)
    mark = f"**{found:.2f}**" if found >= wanted else f"{found:.2f}, goal {wanted:g}"
    cpu = [f"{_median(ways[way], 'cpu_s') / gib:.0f}" for way in _GUEST_WAYS]
    peak = max(run["rss_kib"] for run in ways[_OURS]) / 1024
    cells = [case["format"], *seconds, f"{ratio(case):.2f}", mark, *cpu, f"{peak:.0f} MiB"]
    return f"| {case['image']}, {case['bytes'] // _MIB} MiB | {' | '.join(cells)} |"


def render(results: dict[str, Any]) -> str:
    """The page."""
    host, cpus = results["host"], results["host"]["cpus"]
    lines = [
        "# Write speed",
        "",
        "Made by `make bench-write`; the figures are in `bench/write.json`. What bounds each case, and why:"
        " [explanation](../explanation/writing.md).",
        "",
        "The ways take turns, in one run; the disk is made new before each, and compared with the image"
        f" after it. Medians, in seconds, on a {host['machine']} host with {cpus} CPUs whose load average was"
        f" {host['load_before']:.1f} when it began. Images come over HTTP from a process beside them, which"
        " shares the CPUs. They consist of the host's own libraries; the sparse one has 6 MiB of them in"
        " every 128.",
        "",
        "- **image2disk** with `CHECKSUM`, and the read-back that is its default without a manifest (a"
        " sample); Python's start included. **With a manifest**, every block is verified before it is"
        " written and all of the disk is read back.",
        "- **pipe**: `curl | DECOMPRESSOR | dd bs=4M iflag=fullblock oflag=direct conv=fsync`; verifies"
        " nothing.",
        "- **bmaptool**: `bmaptool copy --bmap`; verifies what it writes; leaves in the holes what was on the"
        " disk before.",
        "- **qemu-img**: `qemu-img convert -n -t none -T none` from a local file: no network, verifies"
        " nothing.",
        "",
        "Bold: the goal is met. Goals: never below 0.95 of the pipe; 1.5 on multi-frame zstd and on gzip; 3"
        " on the sparse image.",
    ]
    for image in ("dense", "sparse"):
        lines += _host_table(results["on_host"], image, cpus)
    if results["in_guest"]:
        lines += [
            "",
            "## Virtio disk in a guest",
            "",
            "QEMU, 2 virtual CPUs, 512 MiB; emulated (TCG) where the host has no KVM, and then all that"
            " computes is ten to fifty times slower than on the host: SHA-256 runs at 16 MB/s, and Python"
            " starts in 3 s. So the table has image2disk a second time, with `READBACK=off` and without a"
            " digest: the pipe's own work. The goal is compared with that one.",
            "",
            f"| image | format | {' | '.join(_GUEST_WAYS)} | pipe / image2disk | pipe / nothing verified |"
            " CPU s per GiB: image2disk | nothing verified | pipe | peak memory |",
            f"| --- | --- |{' ---: |' * 9}",
            *(_guest_row(case) for case in results["in_guest"]),
        ]
    return "\n".join([*lines, ""])
