"""Actions as processes of their own, without the time that importing takes: forked from one that is ready.

`python nursery.py` reads a job per line (JSON: action, environment, stdout, stderr), runs it in a child with
exactly this environment, and prints its exit status.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osie.core.process import clean_environment

_IMPORTED = ("osie.actions.image2disk.install",)


@dataclass(frozen=True)
class Done:
    """A process that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Nursery:
    """One process that makes children, one at a time; to be closed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parent = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, action: str, environment: dict[str, str]) -> Done:
        """Run an action to its end."""
        assert self._parent.stdin and self._parent.stdout
        said = [self._folder / name for name in ("stdout", "stderr")]
        job = {
            "action": action,
            "environment": clean_environment(environment),
            "said": [str(p) for p in said],
        }
        self._parent.stdin.write(json.dumps(job) + "\n")
        self._parent.stdin.flush()
        status = self._parent.stdout.readline()
        assert status, "actions can't be imported: see standard error"
        return Done(os.waitstatus_to_exitcode(int(status)), *(path.read_text() for path in said))

    def close(self) -> None:
        """End it; no child is left, since each was waited for."""
        self._parent.communicate(timeout=60)


def _child(job: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(job["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, path in enumerate(job["said"], start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    runpy.run_module(f"osie.actions.{job['action']}", run_name="__main__")


def _serve() -> None:
    for name in _IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _child(json.loads(line))
            finally:
                os._exit(70)  # not reached where the action ended as it should
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    _serve()
