"""The page of `make bench-write`."""

from typing import Any

from bench import write_page


def run(seconds: float, cpu_s: float = 0.1) -> dict[str, float]:
    """What one run took."""
    return {"seconds": seconds, "cpu_s": cpu_s, "peak_mib": 50.0, "rss_kib": 51200}


def case(image: str, form: str, ours: float, pipe: float, cpu_s: float = 0.1) -> dict[str, Any]:
    """A case on the host."""
    return {
        "image": image,
        "format": form,
        "bytes": 1 << 30,
        "ways": {"image2disk": [run(ours, cpu_s)], "pipe": [run(pipe)]},
        "alone": {"network": run(0.2), "decompressor, ours": run(0.9), "decompressor, theirs": run(5.0)},
    }


def test_bound_is_the_slowest_stage_of_ours_or_the_processors() -> None:
    """The stage of ours that takes longest alone bounds a case, unless the processors are all busy."""
    assert write_page.bound(case("dense", "gzip", 1.0, 1.0), 2) == "decompressor (0.9 s alone)"
    assert write_page.bound(case("dense", "gzip", 1.0, 1.0, 1.9), 2).startswith("processors (95% busy)")


def test_goals_are_told_where_they_are_missed() -> None:
    """A ratio that meets its case's goal is bold; one that doesn't says the goal."""
    cases = [case("sparse", "gzip", 1.0, 2.9), case("dense", "raw", 1.0, 0.96), case("dense", "xz", 1.0, 0.9)]
    host = {"machine": "x86_64", "cpus": 2, "load_before": 0.0}
    page = write_page.render({"host": host, "on_host": cases, "in_guest": []})
    assert "2.90, goal 3" in page
    assert "**0.96**" in page
    assert "0.90, goal 0.95" in page
