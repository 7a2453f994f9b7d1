"""docs/reference/idle-rack.md out of the results. Pure."""

from typing import Any


def render(result: dict[str, Any]) -> str:
    """The page."""
    at_once, held = result["runs"]
    rows = [
        ("questions a second", "questions_per_s", "{:.1f}"),
        ("the server's CPU, of one core", "cpu", "{:.1%}"),
    ]
    lines = [
        "# An idle rack",
        "",
        "Made by `make bench-idle`; the figures are in `bench/idle.json`."
        f" {result['machines']} machines run the real worker against a server on SQLite, with nothing to do,"
        f" and are watched for {result['seconds']:g} s; {result['begin']} of them then get a workflow each,"
        " one after the other. Both columns are from one run, on a host with"
        f" {result['cpus']} CPUs that the workers share.",
        "",
        f"| | answered at once | held for up to {held['hold_s']:g} s (`tink.hold_s`) | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    for title, key, form in rows:
        values = " | ".join(form.format(run[key]) for run in (at_once, held))
        lines.append(f"| {title} | {values} | {held[key] / at_once[key]:.2f} |")
    for key in ("median", "most"):
        first, second = (run["begins_s"][key] for run in (at_once, held))
        title = f"from the workflow's `apply` to RUNNING, {key}"
        lines.append(f"| {title} | {first:.3f} s | {second:.3f} s | {second / first:.3f} |")
    return "\n".join([*lines, ""])
