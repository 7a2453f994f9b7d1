"""Upstream's renderer: its controller's own code, in a program of ours (see upstream/)."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """A template, and what it may name."""

    text: str
    hardware: dict[str, Any] = field(default_factory=dict)
    map: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What became of it."""

    text: str
    fault: str  # why it isn't rendered; "": it is
    verdict: str  # why the controller makes no workflow of it; "": it does


def rendered(program: str, jobs: Sequence[Job]) -> list[Answer]:
    """The answers. Printing a map that holds itself ends upstream's program: that is a fault, too."""
    answers: list[Answer] = []
    while len(answers) < len(jobs):
        lines = "".join(json.dumps(asdict(job)) + "\n" for job in jobs[len(answers) :])
        done = subprocess.run([program], input=lines.encode(), capture_output=True, check=False, timeout=300)
        answers += [Answer(**json.loads(line)) for line in done.stdout.splitlines()]
        if len(answers) < len(jobs):
            end = f"it ended upstream's program: {done.stderr.decode(errors='replace')[:100]}"
            answers.append(Answer("", end, end))
    return answers
