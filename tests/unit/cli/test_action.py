"""`osie action`: an action by hand, as a process."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from disk_images import noise

import osie
import osie.actions

_MAIN = [sys.executable, "-c", "from osie.cli.main import main; main()", "action"]
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CHECKSUM": "not to be passed on"}


def _osie(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*_MAIN, *arguments], capture_output=True, text=True, timeout=60, check=False, env=_ENVIRONMENT
    )


@pytest.fixture
def names() -> list[str]:
    """All actions."""
    folder = Path(osie.actions.__file__).parent
    return sorted(path.parent.name for path in folder.glob("*/__main__.py"))


def test_every_action_is_listed_with_its_purpose(names: list[str]) -> None:
    """One line each."""
    listed = _osie("list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == names
    assert all(len(line.split()) > 5 for line in listed)


def test_an_action_shows_its_variables(names: list[str]) -> None:
    """All that it reads, and which must be set; each is in the reference."""
    reference = (Path(__file__).resolve().parents[3] / "docs/reference/actions.md").read_text()
    for name in names:
        variables = [line.split() for line in _osie("show", name).stdout.splitlines()[1:]]
        assert variables
        assert [variable for variable, *_ in variables if f"`{variable}`" not in reference] == []
    shown = _osie("show", "writefile").stdout
    assert "DEST_PATH  (must be set)" in shown
    assert "MODE\n" in shown


def test_an_image_is_written_to_a_file(tmp_path: Path) -> None:
    """With the variables given and no others; progress is a few lines where there is no terminal."""
    image = noise(3 << 20)
    (tmp_path / "image").write_bytes(image)
    (tmp_path / "disk").touch()
    done = _osie("run", "image2disk", f"IMG_URL=file://{tmp_path}/image", f"DEST_DISK={tmp_path}/disk")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "disk").read_bytes() == image
    assert f"wrote {len(image)} bytes" in done.stdout
    assert "osie.progress" not in done.stdout
    assert "write: " in done.stdout
    assert "(100 %)" in done.stdout
    assert "NOT VERIFIED" in done.stderr


_TALKER = """
from osie.actions.program import say, start, warn

def read(variables):
    return variables

def talk(variables):
    for number in range(200):
        say(f"{number} is said")
        warn(f"{number} is a warning")
    return 0

if __name__ == "__main__":
    start(talk)
"""


@pytest.fixture
def talker(tmp_path: Path) -> Path:
    """A folder from which `talker`, an action that says this and warns of that, can be run."""
    shutil.copytree(
        Path(osie.__file__).parent, tmp_path / "osie", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "osie/actions/talker").mkdir()
    (tmp_path / "osie/actions/talker/__init__.py").write_text('"""Talk."""\n')
    (tmp_path / "osie/actions/talker/__main__.py").write_text(_TALKER)
    return tmp_path


def _on_a_terminal(folder: Path, *, output: int | None) -> list[str]:
    """The lines that a terminal shows of the talker, whose output goes there, too, or to `output`."""
    ours, terminal = os.openpty()
    argv = [*_MAIN, "run", "talker"]
    environment = {**_ENVIRONMENT, "PYTHONPATH": str(folder), "TERM": "dumb"}
    with subprocess.Popen(
        argv, cwd=folder, stdout=terminal if output is None else output, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        shown = b""
        with os.fdopen(ours, "rb", buffering=0) as screen:
            try:
                while part := screen.read(65536):
                    shown += part
            except OSError:  # EIO: nobody has it open any more (pty(7))
                pass
    assert process.returncode == 0
    return [line.strip() for line in shown.decode().splitlines() if line.strip()]


_BOTH = [line for n in range(200) for line in (f"{n} is said", f"WARNING: {n} is a warning")]


def test_what_is_shown_in_one_place_is_in_order(talker: Path) -> None:
    """Lines of standard output and error, as they were written, on a terminal and in one pipe."""
    assert _on_a_terminal(talker, output=None) == _BOTH
    piped = subprocess.run(
        [*_MAIN, "run", "talker"],
        cwd=talker, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=True,
        env={**_ENVIRONMENT, "PYTHONPATH": str(talker)},
    )  # fmt: skip
    assert piped.stdout.splitlines() == _BOTH


def test_warnings_stay_out_of_a_files_output(talker: Path, tmp_path: Path) -> None:
    """With the output in a file, the terminal shows the errors, and the file has none."""
    with (tmp_path / "out").open("wb") as out:
        assert _on_a_terminal(talker, output=out.fileno()) == _BOTH[1::2]
    assert (tmp_path / "out").read_text().splitlines() == _BOTH[::2]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_can_be_given(tmp_path: Path, variable: str) -> None:
    """It is asked for the image, and NO_PROXY is heeded."""
    (tmp_path / "disk").touch()
    given = ["IMG_URL=http://image.invalid/x", f"DEST_DISK={tmp_path}/disk", "RETRY_ENABLED=false"]
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        proxy = f"{variable}=http://127.0.0.1:{nobody.getsockname()[1]}"
    done = _osie("run", "image2disk", *given, proxy)
    assert "Connection refused" in done.stderr.splitlines()[-1]
    done = _osie("run", "image2disk", *given, proxy, "NO_PROXY=.invalid")
    assert "Connection refused" not in done.stderr


def test_a_failure_is_the_actions(tmp_path: Path) -> None:
    """Its exit status, and its last line."""
    done = _osie("run", "image2disk", "IMG_URL=file:///no/such", f"DEST_DISK={tmp_path}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ERROR: ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["image2disc"], "there is no action image2disc; did you mean 'image2disk'?"),
        (["image2disk", "IMG_ULR=x"], "image2disk has no variable IMG_ULR; did you mean 'IMG_URL'?"),
        (["image2disk", "DEST_DISK"], "DEST_DISK: expected VARIABLE=VALUE"),
    ],
)
def test_a_typo_is_told(arguments: list[str], told: str) -> None:
    """With what was meant, and nothing is run."""
    done = _osie("run", *arguments)
    assert done.returncode == 1
    assert told in done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_action_cleans_up(tmp_path: Path, number: signal.Signals, status: int) -> None:
    """Ctrl-C and SIGTERM reach the action as SIGTERM; it says so, and is gone when the command is."""
    (tmp_path / "disk").touch()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/image"
        argv = [*_MAIN, "run", "image2disk", f"IMG_URL={url}", f"DEST_DISK={tmp_path}/disk"]
        with subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_ENVIRONMENT
        ) as process:
            silent.settimeout(30)
            connection, _ = silent.accept()  # the action is at work
            with connection:
                process.send_signal(number)
                _, said = process.communicate(timeout=30)
                while connection.recv(65536):  # what it asked; then its end, since it is gone
                    continue
    assert process.returncode == status
    assert said.splitlines()[-1] == "ERROR: stopped by SIGTERM"
