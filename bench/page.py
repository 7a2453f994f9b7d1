"""The measurements as a page and a chart. Pure."""

import statistics
from typing import Any

from osie.cli.demo.timeline import MEANING

_WIDTH, _ROW, _LABEL = 760, 24, 150


def chart(timeline: list[dict[str, Any]]) -> str:
    """The boot timeline as SVG: a bar from each event to the next, in the order they happened."""
    rows = sorted(timeline, key=lambda row: row["median_s"])
    scale = (_WIDTH - _LABEL - 70) / max(row["median_s"] for row in rows)
    height = _ROW * (len(rows) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif"'
        ' font-size="13" role="img" aria-label="Seconds from power-on to each event">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    before = 0.0
    for number, row in enumerate(rows):
        at, y = row["median_s"], _ROW * number + 8
        left, width = _LABEL + before * scale, max(2.0, (at - before) * scale)
        parts += [
            f'<text x="{_LABEL - 8}" y="{y + 14}" text-anchor="end">{row["event"]}</text>',
            f'<rect x="{left:.1f}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 8}" fill="#2a6f97"/>',
            f'<text x="{left + width + 5:.1f}" y="{y + 14}" fill="#444">{at:.1f} s</text>',
        ]
        before = at
    return "\n".join([*parts, "</svg>"]) + "\n"


def render(results: dict[str, Any]) -> str:
    """docs/reference/benchmarks.md."""
    artifacts, write = results["artifacts"], results["write"]
    total = artifacts["kernel_bytes"] + artifacts["initramfs_bytes"]
    host, peak = results["host"], statistics.median(results["peak_used_mib"])
    lines = [
        "# Benchmarks",
        "",
        f"Made by `make bench`; the figures are in `bench/results.json`. {results['runs']} runs of the demo:"
        f" {results['accelerator']}, {results['firmware']}, 2 virtual CPUs, {results['memory_mib']} MiB,"
        f" on a {host['machine']} host with {host['cpus']} CPUs.",
        "",
        "## From power-on to the installed OS",
        "",
        "![Seconds from power-on to each event](boot-timeline.svg)",
        "",
        "| event | median | least | most | what |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    lines += [
        f"| `{row['event']}` | {row['median_s']:.1f} s | {row['min_s']:.1f} | {row['max_s']:.1f} |"
        f" {MEANING[row['event']]} |"
        for row in results["timeline"]
    ]
    lines += [
        "",
        f"Emulator faults on the way (the run starts over, and says so): {results['restarts']}.",
        "",
        "## Size and memory",
        "",
        "| what | figure |",
        "| --- | ---: |",
        f"| kernel | {artifacts['kernel_bytes'] / 1e6:.1f} MB |",
        f"| ramdisk, with Docker and the worker's image | {artifacts['initramfs_bytes'] / 1e6:.1f} MB |",
        f"| both | {total / 1e6:.1f} MB |",
        f"| peak memory in the guest, whole install | {peak:.0f} MiB |",
        "",
        "MB are 10^6 bytes. Peak memory is MemTotal less MemAvailable, sampled by the ramdisk;"
        " the ramdisk's own files in RAM count.",
        "",
        "## Writing the image",
        "",
        f"The demo's image ({write['raw_bytes'] / 1e6:.0f} MB raw, {write['compressed_bytes'] / 1e6:.1f} MB"
        " zstd), in the same guest to the same disk, turn and turn about, against"
        " `curl | zstd -dc | dd bs=4M iflag=fullblock conv=fsync`. image2disk also checks the SHA-256, reads"
        " the disk's ends back and re-reads the partition table.",
        "",
        "| | seconds |",
        "| --- | --- |",
        f"| image2disk | {', '.join(f'{s:.1f}' for s in write['image2disk_s'])} |",
        f"| the pipe | {', '.join(f'{s:.1f}' for s in write['pipe_s'])} |",
        f"| ratio of the medians (pipe / image2disk) | **{write['ratio']:.2f}** |",
        "",
    ]
    return "\n".join(lines)
