"""A disk that drops or alters a write and says that all is well is found out, and doesn't boot afterwards."""

import pytest
from vm.writer import content
from vm.writer.conftest import Site
from vm.writer.medium import Lie
from vm.writer.verdict import END_BYTES

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MIB = content.MIB
# In the data, in a hole, and in both ends.
_PLACES = {"data": 11 * _MIB + 4097, "hole": 16 * _MIB, "front": 512, "back": content.SIZE - 512}
_LIES = [("drop", "data"), ("alter", "data"), ("drop-zeroing", "hole"), ("alter", "front"), ("alter", "back")]


@pytest.mark.parametrize("manifest", [True, False], ids=["manifest", "READBACK=full"])
@pytest.mark.parametrize(("kind", "place"), _LIES, ids=[f"{kind}-{place}" for kind, place in _LIES])
async def test_lying_disk(site: Site, kind: str, place: str, manifest: bool) -> None:
    """The install fails, says where the disk differs, and leaves a disk that doesn't boot."""
    task = site.task("/image.zst", manifest=True) if manifest else site.task("/image.zst", READBACK="full")
    site.medium.replace(content.old_disk(), Lie(kind, _PLACES[place]))  # type: ignore[arg-type]
    ended = await site.install(task)
    assert ended["status"] == 1
    last = [line for line in site.machine.said() if line.startswith("ERROR: ")][-1]
    assert "/dev/vda" in last
    assert "read" in last
    assert not any(site.medium.durable[:512])
    if place != "back":
        assert not any(site.medium.durable[-END_BYTES:])
