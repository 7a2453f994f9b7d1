"""A program that ends by itself fails the test in which it does: tried on tests that would be green."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
CASES = """
import asyncio, subprocess, sys
import pytest, structlog

CRASH = [sys.executable, "-c", "import os; os.abort()"]

def test_crash():
    subprocess.run(CRASH, stderr=subprocess.DEVNULL)

def test_crash_of_asyncio():
    async def crash():
        await (await asyncio.create_subprocess_exec(*CRASH, stderr=subprocess.DEVNULL)).wait()
    asyncio.run(crash())

def test_event():
    structlog.get_logger("x").error("dnsmasq_died", restart_in_s=0.5)

@pytest.fixture
def server(tmp_path):
    yield
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "server.log").write_text("2026 [error] dnsmasq_died restart_in_s=0.5")

def test_log(server):
    pass

@pytest.mark.provokes_an_end
def test_provoked(server):
    subprocess.run(CRASH, stderr=subprocess.DEVNULL)

def test_killed_by_the_test():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process.kill()
    process.communicate()

def test_failing_command(tmp_path):
    assert subprocess.run([sys.executable, "-c", "raise SystemExit(1)"]).returncode == 1
"""


def test_each_sign_of_an_unexpected_end_is_a_failure(tmp_path: Path) -> None:
    """A crash, an event, a line in a server's log; not what a test provokes on purpose, or ends itself."""
    (tmp_path / "test_ends.py").write_text(CASES)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {HERE}\naddopts = -p unexpected_ends\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rE", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = {
        line.split("::")[1].split()[0] for line in done.stdout.splitlines() if line.startswith("ERROR ")
    }
    assert failed == {"test_crash", "test_crash_of_asyncio", "test_event", "test_log"}, done.stdout
    assert "SIGABRT" in done.stdout
    assert "7 passed, 4 errors" in done.stdout
