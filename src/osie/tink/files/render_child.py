"""Renders templates in a process apart, so that none can take the server's time, memory or secrets.

The library's budgets count steps and output; only a process's limits also bound one long step, such as
`repeat 1000000000 "x"`. Jobs come in as a line of JSON each, and so do the answers go out, one by one: the
job that ended a child is the first without an answer, and another child goes on behind it.
"""

import asyncio
import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType
from typing import Any

from osie.core import process
from osie.tink.files.rendering import TemplateFaultError, render

_CPU_S = 2  # a job's own; an ordinary template takes a few ms
_AGAIN_S = 0.1  # of computing, until a job that goes on all the same is interrupted anew
_GRACE_S = 1  # of computing, before the kernel ends a job that can't be interrupted
_MEMORY_BYTES = 768 * 2**20
_WALL_S = 60.0  # a busy host's patience, for all jobs together
_TOO_LONG = f"rendering took more than {_CPU_S} s of computing"


@dataclass(frozen=True)
class Job:
    """A template to render, or, with no data, to check."""

    text: str
    data: dict[str, Any] | None = None


@dataclass(frozen=True)
class Rendered:
    """What became of a job."""

    text: str
    fault: str = ""  # "": none


class _TimeIsUpError(BaseException):
    """Raised wherever the job is; no Exception, since a template's functions catch those and go on."""


_BATCHES = ThreadPoolExecutor(2, thread_name_prefix="render")  # of operators: the others wait


async def render_all(jobs: Sequence[Job], threads: ThreadPoolExecutor = _BATCHES) -> list[Rendered]:
    """Render every job, apart from the server; a job's failure does not touch the others.

    `threads` wait for their children: those of one kind of caller can't use up another's.
    """
    if not jobs:
        return []
    return await asyncio.get_running_loop().run_in_executor(threads, _in_children, list(jobs))


def _in_children(jobs: list[Job]) -> list[Rendered]:
    until = time.monotonic() + _WALL_S
    answers: list[Rendered] = []
    while len(answers) < len(jobs):
        answers += _in_child(jobs[len(answers) :], until)
    return answers


def _in_child(jobs: list[Job], until: float) -> list[Rendered]:
    """The answers to all jobs, or to those up to the one that ended the child."""
    lines = "".join(json.dumps({"text": j.text, "data": j.data}) + "\n" for j in jobs)
    left = until - time.monotonic()
    try:
        done = process.run(
            [sys.executable, "-m", "osie.tink.files.render_child", f"{left:.3f}"],
            input=lines.encode(),
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            timeout_s=max(left, 0) + _WALL_S,  # the child ends by itself, unless all of it is held up
            check=False,
        )
    except process.ProcessError as error:
        return [Rendered("", str(error))] * len(jobs)
    answers = [Rendered(**json.loads(line)) for line in done.stdout.splitlines()]
    if len(answers) < len(jobs):
        answers.append(Rendered("", _ending(done)))
    return answers


def _ending(done: process.Completed) -> str:
    if done.returncode == -signal.SIGXCPU:
        return _TOO_LONG
    tail = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return f"rendering took more time or memory than a template may ({tail})"


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise _TimeIsUpError


def _answer(job: dict[str, Any]) -> Rendered:
    try:
        try:
            allow(_CPU_S)
            return Rendered(render(job["text"], job["data"]))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _TimeIsUpError:
        signal.setitimer(signal.ITIMER_PROF, 0)  # where it came before the line above
        return Rendered("", _TOO_LONG)
    except TemplateFaultError as error:
        return Rendered("", str(error))
    except MemoryError:
        return Rendered("", f"rendering took more than {_MEMORY_BYTES // 2**20} MiB of memory")


def allow(seconds: int) -> None:
    """From now on: so much computing, then an interrupt again and again, and at last the kernel's SIGXCPU.

    Python handles signals between its own steps only: one long step in C is the kernel's to end.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime) + seconds + _GRACE_S
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN_S)


def _main() -> None:
    until = time.monotonic() + float(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _interrupt)
    late = Rendered("", f"not rendered: all templates together took more than {_WALL_S:g} s")
    for line in sys.stdin:
        answer = _answer(json.loads(line)) if time.monotonic() < until else late
        sys.stdout.write(json.dumps(answer.__dict__) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
