"""A disk that is full in the middle of the demo: which it is, and what to do, whoever noticed."""

import errno
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from small_disk import small_disk

from osie.cli.client import Client
from osie.cli.demo import run_folder
from osie.cli.demo.performance import prepare_image
from osie.cli.demo.watch import Watch
from osie.core.errors import OsieError
from osie.lab.console import Console
from osie.lab.history import History
from osie.lab.os_image import OsImage
from osie.lab.qmp import Event


@dataclass
class Disk:
    """What a machine has, as far as this is concerned."""

    disk: Path


@dataclass
class Stopped:
    """What the watch looks at of a machine."""

    hardware: Disk
    console: Console
    powered_on_at: float = 0.0
    events: History[Event] = field(default_factory=History)


def test_the_full_disk_is_named(tmp_path: Path) -> None:
    """Not that of the image, which is copied from elsewhere; and where to go."""
    image = tmp_path / "os.raw.zst"
    with image.open("wb") as file:
        file.truncate(8 << 20)
        file.seek(0)
        file.write(b"x")
    with small_disk(tmp_path / "small", 2) as place:
        with pytest.raises(OsieError) as caught, run_folder.room_in(place):
            prepare_image(OsImage(image, "0" * 64, 1, 1), place / "images", None)
        assert str(caught.value) == f"the disk that holds {place} is full"
        assert "TMPDIR" in caught.value.hint and "--workdir" in caught.value.hint


async def test_a_machine_that_qemu_stopped_is_not_waited_for(tmp_path: Path) -> None:
    """QEMU holds a guest whose disk's file can't grow, and says so on its monitor only."""
    machine = Stopped(Disk(tmp_path / "disk.raw"), Console(tmp_path / "log"))
    said = {"device": "disk", "operation": "write", "action": "stop", "nospace": True}
    machine.events.add(Event(1.0, "BLOCK_IO_ERROR", said))
    async with Client("http://127.0.0.1:1") as nobody:
        watch = Watch(nobody, "m", "w", "t", lambda *_: None, lambda *_: None)
        with pytest.raises(OSError) as caught:
            await watch.run(machine)  # type: ignore[arg-type]  # all that it looks at
    machine.console.close()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "disk.raw"))
