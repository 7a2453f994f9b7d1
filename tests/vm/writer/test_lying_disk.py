"""A disk that drops or alters a write and says that all is well is found out, and doesn't boot afterwards."""

from typing import Any, Literal

import pytest
from vm.writer import content
from vm.writer.conftest import Site
from vm.writer.medium import SECTOR, Lie

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MIB = content.MIB
_PLACES = {"data": 11 * _MIB + 4097, "front": 512, "back": content.SIZE - 512}
_HOW = [("drop", "data"), ("alter", "data"), ("alter", "front"), ("alter", "back")]
_READ_BACK: list[dict[str, Any]] = [{"manifest": True}, {"READBACK": "full"}]


@pytest.mark.parametrize("checked", _READ_BACK, ids=["manifest", "READBACK=full"])
@pytest.mark.parametrize(("kind", "place"), _HOW, ids=[f"{kind}-{place}" for kind, place in _HOW])
async def test_lying_disk(
    site: Site, kind: Literal["drop", "alter"], place: str, checked: dict[str, Any]
) -> None:
    """The install fails, says that the disk reads back other bytes, and leaves a disk that doesn't boot."""
    site.medium.replace(content.old_disk(), Lie(kind, _PLACES[place]))
    ended = await site.install(site.task("/image.zst", **checked))
    assert ended["status"] == 1
    last = [line for line in site.machine.said() if line.startswith("ERROR: ")][-1]
    assert "/dev/vda" in last
    assert "read" in last
    assert not any(site.medium.durable[:SECTOR])


@pytest.mark.parametrize("checked", _READ_BACK, ids=["manifest", "READBACK=full"])
async def test_disk_that_zeroes_nothing(site: Site, checked: dict[str, Any]) -> None:
    """A disk that says that it zeroed a hole and did not is found out: zeroes are written in its place."""
    site.medium.replace(content.old_disk(), Lie("drop-zeroing", 16 * _MIB))
    ended = await site.install(site.task("/image.zst", **checked))
    assert (ended["status"], site.medium.durable == content.image()) == (0, True), site.machine.said()
