"""`osie get --watch`: what a pipe is told, and what a terminal shows."""

import asyncio
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fcntl import ioctl

from operator_api import FILES, MAC, Operator

from osie.tink.domain.workflow import ActionState


async def test_a_pipe_is_told_what_changes(operator: Operator) -> None:
    """Each row that is new or changed and each that goes, once; a restart of the server is waited for."""
    await operator.osie("apply", "-f", "files.yaml")
    async with operator.going_on("get", "workflows", "--watch") as watch:
        await watch.until("PENDING")
        await operator.end(ActionState.SUCCESS)
        await watch.until("RUNNING")
        await operator.stop()
        await watch.until("waiting for it", errors=True)
        await operator.start()
        await operator.end(ActionState.SUCCESS)
        assert "RUNNING" not in await watch.until("SUCCESS")
        await operator.osie("delete", "workflow", "w1")
        assert await watch.until("w1") == "workflow/w1 deleted"
        assert (await watch.stop()).strip() == "osie: interrupted"


async def test_an_age_is_no_change(operator: Operator) -> None:
    """Of machines, whose wide table has two ages, a row is told again when something happens only."""
    await operator.osie("apply", "-f", "files.yaml")
    await operator.tink.machines.record(MAC, "dhcp", {})
    async with operator.going_on("get", "machines", "-o", "wide", "--watch") as watch:
        await watch.until("dhcp")
        await asyncio.sleep(5)  # ages by seconds, over two looks
        await operator.tink.machines.record(MAC, "ipxe", {})
        assert "dhcp" not in await watch.until("ipxe")


@asynccontextmanager
async def _terminal(operator: Operator, *arguments: str, lines: int, columns: int) -> AsyncIterator[int]:
    """The command on a terminal of that size; what it shows is read from this descriptor."""
    ours, its = pty.openpty()
    ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {**os.environ, "OSIE_SERVER": operator.url, "TERM": "xterm"}
    for told_otherwise in ("COLUMNS", "LINES"):  # pytest-xdist's, for its own workers
        environment.pop(told_otherwise, None)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "osie.cli", *arguments), env=environment, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    try:
        yield ours
    finally:
        process.kill()
        await process.wait()
        os.close(ours)


async def _shown(terminal: int, part: str) -> str:
    told = ""
    try:
        async with asyncio.timeout(60):
            while part not in told:
                told += (await asyncio.to_thread(os.read, terminal, 65536)).decode(errors="replace")
    except TimeoutError:
        raise AssertionError(f"no {part!r} in {told[-3000:]!r}") from None
    return told


async def test_a_small_terminal_shows_what_changed_last(operator: Operator) -> None:
    """Of more rows than it has lines, the ones that move, and how many aren't shown in which states."""
    hardware, template, workflow = FILES.split("---\n")
    many = [hardware, template, workflow.replace("w1", "zz")]
    for number in range(10, 30):
        many.append(hardware.replace("m1", f"m{number}").replace("00:00:01", f"00:00:{number}"))
        many.append(workflow.replace("w1", f"w{number}").replace("m1", f"m{number}"))
    status, said = await operator.osie("apply", "-f", "-", text="---\n".join(many))
    assert status == 0, said
    async with _terminal(operator, "get", "workflows", "-w", lines=12, columns=60) as terminal:
        told = await _shown(terminal, "more that changed earlier: 12 PENDING")
        assert told.count("PENDING") == 9 + 1
        await operator.end(ActionState.SUCCESS)
        first = (await _shown(terminal, "RUNNING")).partition("RUNNING")[0].rpartition("NAME")[2]
        assert "zz" in first
        assert "w1" not in first
        await operator.osie("delete", "workflow", "w29")
        await _shown(terminal, "workflow/w29 deleted")
