"""`make bench-boot-work`: what the processor does until the worker's first request, by instructions.

Nearly the same figures on an idle and on a busy host, and after each change: two builds can be compared by
one boot each. Instructions are no seconds: what misses caches costs more than its count. Writes
bench/boot_work.json and docs/reference/boot-work.md.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.guest import ASKED, Guest
from osie.cli.progress import TerminalProgress
from osie.cli.workshop import Workshop, cache_root
from osie.contracts import artifacts
from osie.core.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
_STEPS = ("init", "parameters", "engine", "worker", ASKED)
_TIMEOUT_S = 600.0
# A function belongs to the first kind with a word that its name begins with; * stands for "anywhere in it".
_KINDS = {
    "unpacking the root": ("ZSTD_", "HUF_", "FSE_", "xz_dec", "lzma_", "rc_", "dict_", "*squashfs"),
    "checking modules' signatures": ("mpi", "vli_", "ecc_", "sha256", "sha512", "pkcs7", "x509"),
    "clearing pages": ("clear_page", "memset"),
    "copying": ("memcpy", "copy_", "_copy_", "rep_movs"),
    "unpacking the initramfs": ("xwrite", "unpack_", "do_copy"),
    "programs": ("user",),
    "drivers": ("module",),
}
_REST = "the rest of the kernel"


def kind_of(function: str) -> str:
    """What a function's work is for."""
    for kind, words in _KINDS.items():
        if any(word[1:] in function if word.startswith("*") else function.startswith(word) for word in words):
            return kind
    return _REST


def measure(profile: str, folder: Path, memory_mib: int) -> dict[str, Any]:
    """Boot the ramdisk in the folder, and tell by step what was done."""
    parameters = " ".join(json.loads((folder / artifacts.MANIFEST).read_text())["kernel_parameters"])
    with Guest(folder / artifacts.KERNEL, folder / artifacts.INITRAMFS, parameters, memory_mib) as guest:
        guest.run_until(_STEPS[-1], _TIMEOUT_S)
        symbols = guest.symbols(_TIMEOUT_S)
    steps, begin, begun_s = [], 0, 0.0
    for name in _STEPS:
        ended_s, end = guest.steps[name]
        work = Counter(kind_of(symbols.at(sample)) for sample in guest.samples[begin:end])
        shares = {kind: round(count / (end - begin), 3) for kind, count in work.most_common()}
        steps.append(
            {"until": name, "s": round(ended_s - begun_s, 2), "samples": end - begin, "shares": shares}
        )
        begin, begun_s = end, ended_s
    return {"profile": profile, "s": begun_s, "steps": steps}


def render(results: list[dict[str, Any]]) -> str:
    """The page."""
    kinds = [*_KINDS, _REST]
    lines = [
        "# Boot, by instructions",
        "",
        "Made by `make bench-boot-work`; the figures are in `bench/boot_work.json`.",
        "",
        "One virtual CPU whose clock counts instructions, 2 ns each, so that other work on the host changes",
        "nothing: two builds can be compared by one boot each. QEMU is asked for the place some 200 times a",
        "second. Instructions are no seconds of a real machine, nor of the emulator; for those see",
        "[boot speed](boot-speed.md).",
    ]
    for result in results:
        lines += ["", f"## {result['profile']}: {result['s']:.2f} s until the worker's first request", ""]
        lines += ["| until | s | " + " | ".join(kinds) + " |", "| --- | ---: |" + " ---: |" * len(kinds)]
        spent = [[step["s"] * step["shares"].get(kind, 0.0) for kind in kinds] for step in result["steps"]]
        lines += [
            _row(f"`{step['until']}`", step["s"], each)
            for step, each in zip(result["steps"], spent, strict=True)
        ]
        lines.append(_row("all", result["s"], map(sum, zip(*spent, strict=True))))
    return "\n".join(lines) + "\n"


def _row(name: str, total_s: float, spent: Iterable[float]) -> str:
    return f"| {name} | {total_s:.2f} | " + " | ".join(f"{s:.2f}" for s in spent) + " |"


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", action="append", default=[], help="which; may be given more than once")
    parser.add_argument("--memory", type=int, default=1024, help="MiB of the machine")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing down")
    options = parser.parse_args()
    results = []
    console = Console()
    with tempfile.TemporaryDirectory(prefix="osie-bench-boot-work-", dir="/var/tmp") as name:
        for profile in options.profile or ["default", "slim", "virtual"]:
            with TerminalProgress(console) as progress:
                Workshop.at(cache_root(), progress).ramdisk(profile, Path(name, profile))
            results.append(measure(profile, Path(name, profile), options.memory))
    page = render(results)
    console.print(page, markup=False, soft_wrap=True)
    if not options.dry:
        write_atomically(ROOT / "bench/boot_work.json", (json.dumps(results, indent=2) + "\n").encode())
        write_atomically(ROOT / "docs/reference/boot-work.md", page.encode())


if __name__ == "__main__":
    main()
