"""A command that is told to end while a program of its own works, in a thread or not."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import signal, sys
from concurrent.futures import ThreadPoolExecutor
from osie.cli import main
from osie.core import interruption
from osie.core.process import run

working = (  # begun is told when we surely wait for it
    "trap 'sleep 0.2; echo cleaned up >{0}/left; exit' TERM;"
    " (sleep 0.5; echo >{0}/begun; exec sleep 60) >/dev/null 2>&1 & wait"
)

def work():
    try:
        run(["sh", "-c", working.format(sys.argv[1])])
    finally:
        run(["touch", sys.argv[1] + "/never"])

class Group:
    def main(self, **_):
        interruption.heed(signal.SIGINT)
        if sys.argv[2] == "threads":
            with ThreadPoolExecutor() as pool:
                pool.submit(work).result()
        else:
            run(["sh", "-c", working.format(sys.argv[1])])

main.cli = Group()
main.main()
"""


@pytest.mark.parametrize("where", ["threads", "alone"])
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_told_to_end(number: signal.Signals, status: int, where: str, tmp_path: Path) -> None:
    """The program is asked to end and cleans up, no other is started; one line, and the signal's status."""
    child = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path), where],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    with child:
        while not (tmp_path / "begun").exists():
            assert child.poll() is None, child.communicate()[0]
        child.send_signal(number)  # to us alone, not to the terminal's group
        said, _ = child.communicate(timeout=60)
    assert (child.returncode, said) == (status, "osie: interrupted\n")
    assert (tmp_path / "left").read_text() == "cleaned up\n"
    assert not (tmp_path / "never").exists()


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As under nohup: the hang-up of a terminal doesn't end the command."""
    script = "import os, signal; from osie.core import interruption; interruption.heed(signal.SIGHUP)"
    ended = f"{script}; os.kill(os.getpid(), signal.SIGHUP); print('still here')"
    done = subprocess.run(
        [sys.executable, "-c", ended], capture_output=True, text=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "still here\n")
