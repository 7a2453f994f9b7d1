"""What a shell is told when tab is pressed."""

import subprocess
import sys

import pytest


def _completed(*words: str) -> list[str]:
    """What bash is offered for the last word."""
    told = subprocess.run(
        [sys.executable, "-m", "osie.cli"],
        env={
            "PATH": "/usr/bin:/bin",
            "_OSIE_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["osie", *words]),
            "COMP_CWORD": str(len(words)),
            "OSIE_SERVER": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert not told.stderr
    return [line.partition(",")[2] for line in told.stdout.split()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("hard",), ["hardware"]),
        (("get", "m"), ["machines"]),
        (("workflow", "l"), ["logs"]),
        (("workflow", "logs", ""), []),
        (("get", "nonsense", ""), []),
    ],
)
def test_words_are_completed(words: tuple[str, ...], offered: list[str]) -> None:
    """Commands, kinds; and where no server answers, no name and no error."""
    assert _completed(*words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str) -> None:
    """One that asks osie itself."""
    command = [sys.executable, "-m", "osie.cli", "completion", shell]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "_OSIE_COMPLETE" in script or f"{shell}_complete" in script
