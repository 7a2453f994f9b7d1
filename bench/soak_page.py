"""docs/reference/soak-tink.md out of the soaks' results. Pure."""

from typing import Any


def _minutes(result: dict[str, Any]) -> str:
    return f"{result['minutes']:g}, {result['seconds'] / 60:.1f}"


_ROWS = (
    ("minutes of killing, and until the last workflow ended", _minutes),
    ("machines", lambda r: r["machines"]),
    ("server processes on the database", lambda r: r["servers"]),
    ("workflows", lambda r: r["workflows"]),
    ("... ended as", lambda r: ", ".join(f"{n} {state}" for state, n in sorted(r["states"].items()))),
    ("CPUs, load average at the end", lambda r: f"{r['cpus']} ({r['host']}), {r['load']:.1f}"),
    ("containers begun", lambda r: r["runs"]),
    ("... as a further attempt", lambda r: r["attempts_again"]),
    ("SIGKILLs of a server", lambda r: r["kills"].get("server", 0)),
    ("SIGKILLs of a process with the workers of 25 machines", lambda r: r["kills"].get("workers", 0)),
    ("crashes of the database", lambda r: r["kills"].get("database") or "-"),
    ("runs that the server gave up, for want of a report", lambda r: r["given_up"]),
    ("**workflows that ended twice or never, effects applied twice or never, histories with a gap**",
     lambda r: f"**{len(r['faults'])}**"),
)  # fmt: skip


def render(soaks: dict[str, Any]) -> str:
    """The page."""
    kinds = sorted(soaks, reverse=True)
    lines = [
        "# Soak of the workflow engine",
        "",
        "Made by `make soak-tink`; the figures are in `bench/soak_tink.json`. Simulated machines run the"
        " real worker (its loop, its transport over real gRPC) on an engine that is a file: a container is a"
        " line in it, written when the container begins, so that what was applied is known apart from what"
        " the server believes. Servers, processes with workers and PostgreSQL are killed at random moments"
        " by SIGKILL (PostgreSQL by SIGQUIT, its immediate stop) and started again. Afterwards the store's"
        " events are compared with the containers: every workflow ended exactly once, every action's effect"
        " was applied once for each of its runs, in order, and no history has a gap.",
        "",
        "| | " + " | ".join({"sqlite": "SQLite", "postgresql": "PostgreSQL"}[kind] for kind in kinds) + " |",
        "| --- |" + " ---: |" * len(kinds),
    ]
    lines += [
        f"| {title} | " + " | ".join(str(cell(soaks[kind])) for kind in kinds) + " |" for title, cell in _ROWS
    ]
    lines += [
        "",
        "A worker that is killed after it said that a reboot begins, and before its machine went down, is"
        " given the reboot again: it tells which boot it is of"
        " ([how a workflow moves](../explanation/workflow-states.md)). A reboot that happened is never served"
        " twice.",
        "",
    ]
    for kind in kinds:
        lines += [f"- {kind}: {fault}" for fault in soaks[kind]["faults"][:20]]
    return "\n".join(lines)
