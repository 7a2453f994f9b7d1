"""cexec in a real chroot: the command's own exit status, its surroundings, and nothing left of them."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def system(file_system: Path, looked_into: Any) -> Path:
    """A disk with the least of a system: busybox and the folders that kernel file systems go to."""
    with looked_into(file_system) as root:
        for name in ("bin", "dev", "proc", "sys", "run", "etc", "tmp"):
            (root / name).mkdir()
        busybox = shutil.which("busybox")
        assert busybox, "the package busybox-static is missing"
        shutil.copy(busybox, root / "bin/busybox")
        for name in ("sh", "cat", "sleep", "ls", "echo", "grep", "kill", "false"):
            (root / "bin" / name).symlink_to("busybox")
        (root / "etc/hostname").write_text("of-the-disk\n")
    return file_system


@pytest.fixture
def running(system: Path) -> dict[str, object]:
    """The settings all of these share."""
    shell = {"CHROOT": "y", "DEFAULT_INTERPRETER": "/bin/sh -c"}
    return {"BLOCK_DEVICE": system, "FS_TYPE": "ext4", **shell}


def assert_released(device: Path) -> None:
    """Nobody has the device mounted, in any mount namespace."""
    os.close(os.open(device, os.O_RDWR | os.O_EXCL))


def test_the_command_runs_inside_the_system(running: dict[str, object], system: Path, action: Any) -> None:
    """It sees the disk as its root, with /dev, /proc, /sys and an empty /run; its output is passed on."""
    line = (
        'cat /etc/hostname; [ -c /dev/null ] && [ -d /proc/self -a -d /sys/block ] && ls /run; echo "$X" >&2'
    )
    done = action("cexec", **running, CMD_LINE=line, X="said aloud")
    assert (done.returncode, done.stdout) == (0, "of-the-disk\nexit status 0\n")
    assert done.stderr == "said aloud\n"
    assert_released(system)


@pytest.mark.parametrize(("line", "status"), [("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137)])
def test_the_exit_status_is_passed_on(
    line: str, status: int, running: dict[str, object], system: Path, action: Any
) -> None:
    """Exactly, and 128 + N where signal N ended the command."""
    assert action("cexec", **running, CMD_LINE=line).returncode == status
    assert_released(system)


def test_what_the_command_wrote_is_on_the_disk(
    running: dict[str, object], system: Path, looked_into: Any, action: Any
) -> None:
    """And what it wrote to /run isn't."""
    assert action("cexec", **running, CMD_LINE="echo new >/etc/hostname; echo gone >/run/x").returncode == 0
    with looked_into(system) as root:
        assert (root / "etc/hostname").read_text() == "new\n"
        assert list((root / "run").iterdir()) == []


def test_without_an_interpreter_commands_run_one_by_one(
    running: dict[str, object], system: Path, action: Any
) -> None:
    """Semicolons separate them, quotes hold words together, and the first failure is the last command."""
    line = "echo 'a; b' c ; false; echo never"
    done = action("cexec", **{**running, "DEFAULT_INTERPRETER": ""}, CMD_LINE=line)
    assert (done.returncode, done.stdout) == (1, "a; b c\nexit status 1\n")


@pytest.mark.parametrize("semicolon", [r"\;", "';'"])
def test_a_quoted_semicolon_is_the_commands_own(
    semicolon: str, running: dict[str, object], system: Path, looked_into: Any, action: Any
) -> None:
    """As find's -exec wants it."""
    with looked_into(system) as root:
        (root / "bin/find").symlink_to("busybox")
    line = f"find /etc/hostname -exec echo found {{}} {semicolon}; echo next"
    done = action("cexec", **{**running, "DEFAULT_INTERPRETER": ""}, CMD_LINE=line)
    assert (done.returncode, done.stdout) == (0, "found /etc/hostname\nnext\nexit status 0\n")


def test_a_command_that_is_not_there_is_an_error(
    running: dict[str, object], system: Path, action: Any, assert_failed: Any
) -> None:
    """One line, exit status 1, nothing left mounted."""
    done = action("cexec", **{**running, "DEFAULT_INTERPRETER": "/bin/bash -c"}, CMD_LINE="true")
    assert_failed(done, "can't run /bin/bash: No such file")
    assert_released(system)


def test_a_background_process_does_not_keep_the_disk(
    running: dict[str, object], system: Path, action: Any
) -> None:
    """What the command leaves behind is ended, with a warning: the disk is free for the next action."""
    done = action("cexec", **running, CMD_LINE="sleep 1000 >/dev/null 2>&1 & exit 0")
    assert done.returncode == 0
    assert "which the command left behind" in done.stderr
    assert_released(system)


@pytest.mark.parametrize("trapped", ["", "trap '' TERM; "], ids=["complies", "ignores"])
def test_sigterm_ends_the_command_and_cleans_up(
    trapped: str, running: dict[str, object], system: Path, start_action: Any
) -> None:
    """Exit status 143, within the engine's ten seconds, with the disk free, even if the command won't go."""
    process = start_action("cexec", **running, CMD_LINE=f"{trapped}echo ready; sleep 1000; sleep 1000")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(9) == 143
    assert_released(system)


@pytest.mark.parametrize("before", ["file", "dangling", "none", "escaping"])
def test_resolv_conf_is_lent_and_taken_back(
    before: str, running: dict[str, object], system: Path, looked_into: Any, action: Any, tmp_path: Path
) -> None:
    """The command sees the action's own; afterwards the system's is as it was: file, link or none."""
    with looked_into(system) as root:
        path = root / "etc/resolv.conf"
        if before == "file":
            path.write_text("nameserver 192.0.2.1\n")
        elif before != "none":
            path.symlink_to("../run/systemd/resolve/x" if before == "dangling" else "../../../etc/hostname")
    done = action("cexec", **running, CMD_LINE="cat /etc/resolv.conf", UPDATE_RESOLV_CONF="true")
    assert done.returncode == 0, done.stderr
    assert done.stdout == Path("/etc/resolv.conf").read_text() + "exit status 0\n"
    with looked_into(system) as root:
        path = root / "etc/resolv.conf"
        assert [p.name for p in (root / "etc").iterdir() if "osie" in p.name] == []
        if before == "file":
            assert path.read_text() == "nameserver 192.0.2.1\n"
        elif before == "none":
            assert not path.exists()
        else:
            assert path.is_symlink()
        assert (root / "etc/hostname").read_text() == "of-the-disk\n"


def test_settings_are_checked(action: Any, assert_failed: Any) -> None:
    """All that is wrong, in one line."""
    done = action("cexec", CMD_LINE="echo 'open", CHROOT="perhaps")
    assert_failed(done, "CMD_LINE.*BLOCK_DEVICE is not set.*FS_TYPE is not set.*CHROOT is 'perhaps'")
