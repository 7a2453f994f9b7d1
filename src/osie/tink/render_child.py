"""Renders templates in a process apart, so that none can take the server's time, memory or secrets.

The library's budgets count steps and output; only a process's limits also bound one long step, such as
`repeat 1000000000 "x"`. Jobs come in as a line of JSON each, and so do the answers go out.
"""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType
from typing import Any

from osie.core import process
from osie.tink.rendering import TemplateFaultError, render

_CPU_S = 2.0  # a job's own; an ordinary template takes a few ms
_MEMORY_BYTES = 768 * 2**20
_WALL_S = 60.0  # a busy host's patience, for all jobs together


@dataclass(frozen=True)
class Job:
    """A template to render, or, with no data, to check."""

    name: str
    text: str
    data: dict[str, Any] | None = None


@dataclass(frozen=True)
class Rendered:
    """What became of a job."""

    text: str
    fault: str = ""  # "": none


_BATCHES = ThreadPoolExecutor(2, thread_name_prefix="render")  # of operators: the others wait


async def render_all(jobs: Sequence[Job], threads: ThreadPoolExecutor = _BATCHES) -> list[Rendered]:
    """Render every job, in one child process; a job's failure does not touch the others.

    `threads` wait for their children: those of one kind of caller can't use up another's.
    """
    if not jobs:
        return []
    return await asyncio.get_running_loop().run_in_executor(threads, _in_child, list(jobs))


def _in_child(jobs: list[Job]) -> list[Rendered]:
    lines = "".join(json.dumps({"name": j.name, "text": j.text, "data": j.data}) + "\n" for j in jobs)
    try:
        done = process.run(
            [sys.executable, "-m", "osie.tink.render_child"],
            input=lines.encode(),
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            timeout_s=_WALL_S,
            check=False,
        )
    except process.ProcessError as error:
        return [Rendered("", str(error))] * len(jobs)
    answers = [Rendered(**json.loads(line)) for line in done.stdout.splitlines()]
    if len(answers) == len(jobs):
        return answers
    tail = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    blamed = Rendered("", f"rendering took more time or memory than a template may ({tail})")
    rest = Rendered("", "not rendered, since another template had to be stopped")
    return [*answers, blamed, *[rest] * (len(jobs) - len(answers) - 1)]


def _too_long(_signal: int, _frame: FrameType | None) -> None:
    raise TemplateFaultError(f"rendering took more than {_CPU_S:g} s of computing")


def _answer(job: dict[str, Any]) -> Rendered:
    signal.setitimer(signal.ITIMER_PROF, _CPU_S)
    try:
        return Rendered(render(job["text"], job["data"], job["name"]))
    except TemplateFaultError as error:
        return Rendered("", str(error))
    except MemoryError:
        return Rendered("", f"rendering took more than {_MEMORY_BYTES // 2**20} MiB of memory")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _too_long)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line)).__dict__) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
