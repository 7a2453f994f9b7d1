"""`make bench-write`: the disk writer beside what people use; writes bench/write.json and the page in docs/.

To a loop device on the host, and to a virtio disk in a guest; all ways of a case in turn, in one run.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import write_guest, write_page
from bench.write_host import Case, Host, loop_device, served
from bench.write_images import FORMATS, MIB, Image, dense, sparse, store
from osie.actions.trust import making
from osie.core.files import write_atomically
from osie.core.process import run

ROOT = Path(__file__).resolve().parents[1]
_RESULTS = ROOT / "bench/write.json"
_LONG_S = 15.0  # a round that takes longer is one of two, not of three


def _images(folder: Path, sizes: dict[str, int]) -> dict[str, Image]:
    """The images; made, where the folder hasn't got them all already."""
    stamp = folder / "sizes.json"
    if stamp.exists() and json.loads(stamp.read_text()) == sizes:
        names = {name: "dense" if name == "small" else name for name in sizes}
        return {name: Image(names[name], folder / f"{name}.raw", size) for name, size in sizes.items()}
    print("making the images", flush=True)
    images = _make(folder, sizes)
    stamp.write_text(json.dumps(sizes))
    return images


def _make(folder: Path, sizes: dict[str, int]) -> dict[str, Image]:
    """The images, all that is stored of them, and what is known about them."""
    images = {"dense": dense(folder, sizes["dense"]), "sparse": sparse(folder, sizes["sparse"])}
    if "small" in sizes:
        small = folder / "small.raw"
        run(["dd", f"if={images['dense'].path}", f"of={small}", "bs=1M", f"count={sizes['small'] // MIB}"])
        images["small"] = Image("dense", small, sizes["small"])
    for name, image in images.items():
        store(image)
        run(["bmaptool", "create", "--output", _bmap(image), image.path])
        if name == "small":  # the guest's
            continue
        for form in FORMATS:
            made = making.make(image.stored(form), lambda _done, _total: None)
            Path(f"{image.stored(form)}.manifest").write_bytes(made.encode())
    return images


def _bmap(image: Image) -> Path:
    return image.path.with_suffix(".bmap")


def _on_host(folder: Path, images: list[Image], wanted: str, rounds: int) -> list[dict[str, Any]]:
    found = []
    with loop_device(folder, max(image.size for image in images)) as disk, served(folder):
        host = Host(disk)
        for image in images:
            for form in FORMATS:
                if not f"{image.name}/{form.name}".startswith(wanted):
                    continue
                case = Case(image, form)
                host.stages(case)
                begun = time.monotonic()
                host.run(case, _bmap(image), 1)
                took = time.monotonic() - begun
                host.run(case, _bmap(image), (rounds if took < _LONG_S else min(rounds, 2)) - 1)
                shown = {way: round(min(t.seconds for t in runs), 2) for way, runs in case.rounds.items()}
                print(f"  host, {image.name}, {form.name}: {shown}", flush=True)
                found.append(
                    {
                        "image": image.name,
                        "bytes": image.size,
                        "format": form.name,
                        "stored_bytes": case.stored.stat().st_size,
                        "ways": {way: [t.as_dict() for t in runs] for way, runs in case.rounds.items()},
                        "alone": {stage: taken.as_dict() for stage, taken in case.alone.items()},
                    }
                )
    return found


def _in_guest(
    folder: Path, images: dict[str, Image], wanted: str, *, quick: bool, rounds: int
) -> list[dict[str, Any]]:
    forms = {form.name: form for form in FORMATS}
    names = ["zstd, frames"] if quick else ["raw", "gzip", "gzip, members", "zstd", "zstd, frames"]
    cases = [(images["small"], forms[name], rounds) for name in names]
    cases.append((images["sparse"], forms["zstd, frames"], 1))  # minutes, where the guest is emulated
    cases = [case for case in cases if f"{case[0].name}/{case[1].name}".startswith(wanted)]
    guest = folder / "guest"
    shutil.rmtree(guest, ignore_errors=True)  # a machine that is frozen there has other images in mind
    guest.mkdir()
    return write_guest.measure(guest, folder, cases)


def _merged(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The old cases, those that were measured anew in their places; new ones at the end."""
    cases = {(case["image"], case["format"]): case for case in [*old, *new]}
    return list(cases.values())


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="osie-bench-write-", dir="/var/tmp") as name:
        yield Path(name)


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(prog="make bench-write ARGS=")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small images, one round; writes nothing")
    parser.add_argument("--only", choices=["host", "guest"], help="keep the other's figures")
    parser.add_argument("--case", default="", help="IMAGE or IMAGE/FORMAT; keep the others' figures")
    parser.add_argument("--images", type=Path, help="a folder for the images, to use them again")
    given = parser.parse_args()
    sizes = {"dense": 512 * MIB, "sparse": 4096 * MIB, "small": 96 * MIB}
    rounds = given.rounds
    if given.quick:
        sizes, rounds = {"dense": 48 * MIB, "sparse": 512 * MIB, "small": 16 * MIB}, 1
    load = os.getloadavg()[0]
    with _folder(given.images) as folder:
        images = _images(folder, sizes)
        on_host = [images["dense"], images["sparse"]]
        host = [] if given.only == "guest" else _on_host(folder, on_host, given.case, rounds)
        guest = (
            []
            if given.only == "host"
            else _in_guest(folder, images, given.case, quick=given.quick, rounds=min(rounds, 2))
        )
    results: dict[str, Any] = {
        "host": {"machine": platform.machine(), "cpus": len(os.sched_getaffinity(0)), "load_before": load},
        "on_host": host,
        "in_guest": guest,
    }
    if (given.only or given.case) and _RESULTS.exists():
        old = json.loads(_RESULTS.read_text())
        results |= {part: _merged(old[part], results[part]) for part in ("on_host", "in_guest")}
    page = write_page.render(results)
    if not given.quick:
        write_atomically(_RESULTS, json.dumps(results, indent=1) + "\n")
        write_atomically(ROOT / "docs/reference/write-speed.md", page)
    print(page)


if __name__ == "__main__":
    main()
