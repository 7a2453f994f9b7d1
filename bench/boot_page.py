"""The boot's phases as a page and a chart. Pure."""

from typing import Any

from bench.boot_times import MEANING

_WIDTH, _ROW, _LABEL = 760, 20, 130
_COLOURS = {"get_action": "#bc4b51", "engine": "#5b8e7d", "worker": "#5b8e7d"}  # what the others wait for


def _title(series: dict[str, Any]) -> str:
    return f"{series['profile']}, {series['cpus']} CPU{'s' if series['cpus'] > 1 else ''}"


def chart(all_series: list[dict[str, Any]]) -> str:
    """When each phase begins and ends, as SVG: phases that overlap run side by side."""
    longest = max(row["median_s"] for series in all_series for row in series["phases"])
    scale = (_WIDTH - _LABEL - 60) / longest
    height = sum(_ROW * (len(series["phases"]) + 2) for series in all_series)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif"'
        ' font-size="12" role="img" aria-label="Seconds from the kernel\'s first line">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    y = 0
    for series in all_series:
        y += _ROW
        parts.append(f'<text x="8" y="{y}" font-weight="bold">{_title(series)}</text>')
        for row in series["phases"]:
            y += _ROW
            left = _LABEL + row["start_s"] * scale
            width = max(1.5, (row["median_s"] - row["start_s"]) * scale)
            colour = _COLOURS.get(row["phase"], "#2a6f97")
            parts += [
                f'<text x="{_LABEL - 8}" y="{y}" text-anchor="end">{row["phase"]}</text>',
                f'<rect x="{left:.1f}" y="{y - 11}" width="{width:.1f}" height="13" fill="{colour}"/>',
                f'<text x="{left + width + 5:.1f}" y="{y}" fill="#444">{row["median_s"]:.1f} s</text>',
            ]
        y += _ROW
    return "\n".join([*parts, "</svg>"]) + "\n"


def _table(series: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{row['phase']}` | {row['start_s']:.1f} | {row['median_s']:.1f} s | {row['min_s']:.1f} |"
        f" {row['max_s']:.1f} | {MEANING[row['phase']]} |"
        for row in series["phases"]
    ]
    return [
        "",
        f"## {_title(series)}, {series['memory_mib']} MiB",
        "",
        "| phase | begins | ends, median | least | most | what |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        *rows,
        "",
        f"{series['runs']} runs. Read from the squashed root until the worker's container ran:"
        f" {series['read_bytes'] / 1e6:.1f} MB, compressed. Emulator faults on the way (the run starts over):"
        f" {series['restarts']}. The host's load average before the runs, median: {series['host_load']};"
        " what exceeds 1 is other work, which slowed them.",
    ]


def render(results: dict[str, Any]) -> str:
    """docs/reference/boot-speed.md."""
    lines = [
        "# Boot speed",
        "",
        "Made by `make bench-boot`; the figures are in `bench/boot.json`. What bounds them, and what each"
        " change gained: [explanation](../explanation/boot-speed.md).",
        "",
        f"A virtual machine ({results['accelerator']}, on a host with {results['host_cpus']} CPUs) netboots"
        " by BIOS and iPXE from the real server, which shares those CPUs. Seconds of the guest's clock, which"
        " begins with the kernel's first line.",
        "",
        "![When each phase begins and ends](boot-speed.svg)",
    ]
    for series in results["series"]:
        lines += _table(series)
    return "\n".join([*lines, ""])
