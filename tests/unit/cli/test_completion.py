"""What a shell is told when tab is pressed."""

import subprocess
import sys

import pytest


def _told(*words: str) -> list[str]:
    """What bash is told of the last word: KIND,VALUE for each that it may be."""
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
    return told.stdout.split()


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
    assert [line.partition(",")[2] for line in _told(*words)] == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str) -> None:
    """One that asks osie itself."""
    command = [sys.executable, "-m", "osie.cli", "completion", shell]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "_OSIE_COMPLETE" in script or f"{shell}_complete" in script


@pytest.mark.parametrize("command", ["apply", "diff", "validate", "render"])
def test_files_are_left_to_the_shell(command: str) -> None:
    """After -f it is told to offer files."""
    assert _told(command, "-f", "some") == ["file,some"]


def test_fish_gets_a_whole_description() -> None:
    """Its script splits an answer at the first comma only: descriptions have commas, too."""
    command = [sys.executable, "-m", "osie.cli", "completion", "fish"]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 'string split -m 1 "," ' in script
