"""The one door to other programs."""

import sys

import pytest

from osie.core.process import ProcessError, run


def test_output_and_status_are_kept() -> None:
    """A program's output comes back as text."""
    done = run([sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")


def test_a_failure_tells_the_last_lines_and_the_status() -> None:
    """The error says which program, how it ended, and what it said last."""
    with pytest.raises(ProcessError, match=r"(?s)exit status 7.*the reason"):
        run([sys.executable, "-c", "import sys; print('the reason', file=sys.stderr); sys.exit(7)"])


def test_a_signal_is_told_by_name() -> None:
    """A killed program isn't a strange exit status."""
    with pytest.raises(ProcessError, match="ended by SIGKILL"):
        run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])


def test_a_missing_program_is_one_sentence() -> None:
    """The hint says where to look for its package."""
    with pytest.raises(ProcessError, match="no such program") as caught:
        run(["osie-has-no-such-program"])
    assert "doctor" in caught.value.hint


def test_the_deadline_holds() -> None:
    """A program that hangs is ended."""
    with pytest.raises(ProcessError, match="did not end within"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.2)


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child sees neither our variables nor our locale."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    said = run(
        [sys.executable, "-c", "import os; print(os.environ.get('SECRET_OF_OURS'), os.environ['LC_ALL'])"]
    )
    assert said.stdout.split() == ["None", "C.UTF-8"]
