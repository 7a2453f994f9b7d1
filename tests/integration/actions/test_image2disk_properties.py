"""Whatever source and disk do: image2disk ends with the exact bytes, or with an error and nothing boots."""

import random
from functools import cache
from hashlib import sha256

from brittle_disk import BrittleDisk, Call, PowerCut, Trouble, What
from disk_images import partitioned
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from integration.matrix.formats import MIB, NAMES, Stored, stored_as
from integration.matrix.trusts import manifest_of
from shaky_source import ShakySource
from unruly import flipped

from osie.actions.environment import Environment
from osie.actions.fetch.patience import Patience
from osie.actions.pipeline.install import Installation, Settings
from osie.actions.pipeline.options import DiskOptions, FetchOptions
from osie.actions.pipeline.report import Report
from osie.actions.pipeline.stream import Flow
from osie.actions.trust import settings as trust_settings
from osie.actions.trust.establishing import establish
from osie.core.errors import OsieError

SECTOR = 512
OLD = b"\xaa" * (9 * MIB)  # the disk holds an older system
_NOISE = partitioned(random.Random(6).randbytes(3 * MIB))
IMAGES = {
    "as large as the disk": _NOISE[: 5 * MIB // 4] + bytes(6 * MIB) + _NOISE[5 * MIB // 4 :],
    "smaller": _NOISE[: 2 * MIB] + bytes(3 * MIB) + _NOISE[: MIB // 2 + SECTOR],
    "one sector": _NOISE[:SECTOR],
}
FETCH = FetchOptions(Patience(), compressed=None, interval_s=60, text=False)
QUICK = ("raw", "zstd, frames", "gzip")  # where the format isn't the point
VOUCHED = ("digest", "raw digest", "manifest")


def examples(count: int) -> settings:
    """So many; each takes as long as it takes, and the same ones are tried each time."""
    return settings(
        max_examples=count, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
    )


@cache
def stored(name: str, image: str) -> Stored:
    """An image in a format."""
    return stored_as(name, IMAGES[image])


files = st.tuples(st.sampled_from(QUICK), st.sampled_from(sorted(IMAGES)))  # names: shown where a test fails
sizes = st.lists(st.sampled_from([1, 511, 512, 4096, 65_537, 300_000, MIB]), max_size=12)
calls: st.SearchStrategy[Call] = st.sampled_from(["pwrite", "pread", "zero", "fsync"])


def troubles(*whats: What, for_ever: bool = False) -> st.SearchStrategy[Trouble]:
    """One of these, at some call of some kind."""
    lasting = st.booleans() if for_ever else st.just(False)
    return st.builds(Trouble, st.sampled_from(whats), calls, st.integers(0, 9), lasting)


def install(
    disk: BrittleDisk, file: Stored, trust: str, source: ShakySource | None = None
) -> OsieError | None:
    """Run the pipeline; the error that it ended with."""
    variables = {
        "digest": {"CHECKSUM": f"sha256:{sha256(file.data).hexdigest()}"},
        "raw digest": {"RAW_CHECKSUM": f"sha256:{sha256(file.raw).hexdigest()}"},
        "manifest": {"MANIFEST_URL": "https://example.org/manifest"},
    }.get(trust, {})
    wanted = trust_settings.read(Environment(variables))
    vouching = establish(wanted, lambda _url, _most: manifest_of(file).encode())
    chosen = Settings("the image", wanted, FETCH, DiskOptions("", "full", "disk"))
    try:
        flow = Flow(source or ShakySource(file.data), vouching)
        Installation(chosen, flow, disk, Report(FETCH)).run()  # type: ignore[arg-type]  # a Disk in all it does
    except OsieError as error:
        return error
    finally:
        vouching.close()
    return None


def assert_there(disk: BrittleDisk, file: Stored) -> None:
    """The disk has the image, and nothing of the older system at its end."""
    assert disk.content.startswith(file.raw)
    assert not disk.content[max(len(file.raw), len(OLD) - MIB) :].strip(b"\0")


def assert_right(disk: BrittleDisk, file: Stored) -> None:
    """And that is durable."""
    assert_there(disk, file)
    assert disk.durable == disk.content


def boots_nothing_or(file: Stored, content: bytes | bytearray) -> bool:
    """Whether the first sector is zeroes, or all of the image is there."""
    return not content[:SECTOR].strip(b"\0") or content.startswith(file.raw)


def assert_boots_nothing(content: bytes | bytearray) -> None:
    """Both ends are zeroes. Before anything but them was touched, the first sector, or nothing, will do."""
    if content != OLD:
        assert not content[:SECTOR].strip(b"\0")
    if content[MIB:-MIB] != OLD[MIB:-MIB]:
        assert not content[:MIB].strip(b"\0")
        assert not content[-MIB:].strip(b"\0")


@examples(40)
@given(files, st.sampled_from(VOUCHED), sizes, st.lists(troubles("short", "EINTR"), max_size=6))
def test_short_and_interrupted_calls_change_nothing(
    names: tuple[str, str], trust: str, pieces: list[int], faults: list[Trouble]
) -> None:
    """However the bytes come, and however few of them the disk takes or gives at a time: all arrive."""
    file, disk = stored(*names), BrittleDisk(OLD, *faults)
    assert install(disk, file, trust, ShakySource(file.data, sizes=pieces)) is None
    assert_right(disk, file)


@examples(100)
@given(files, st.sampled_from(VOUCHED), troubles("EIO", "ENOSPC", for_ever=True))
def test_a_disk_that_fails(names: tuple[str, str], trust: str, fault: Trouble) -> None:
    """A call that fails, once or with all after it: the exact bytes, or an error, and nothing boots."""
    file, disk = stored(*names), BrittleDisk(OLD, fault)
    if install(disk, file, trust) is None:
        assert_right(disk, file)
    elif fault.for_ever:  # it can't be erased any more, and its first sector was to come last
        assert disk.content == OLD or boots_nothing_or(file, disk.content)
    else:
        assert_boots_nothing(disk.content)


@examples(60)
@given(files, troubles("lost", "altered"))
def test_a_disk_that_lies(names: tuple[str, str], fault: Trouble) -> None:
    """A write, a zeroing or a sync that isn't what it seems: the exact bytes, or an error."""
    file, disk = stored(*names), BrittleDisk(OLD, fault)
    if install(disk, file, "manifest") is None:
        assert_there(disk, file)


@examples(60)
@given(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(IMAGES))),
    st.sampled_from(VOUCHED),
    sizes,
    st.sampled_from(["breaks", "cut", "flipped", "longer", "shifted"]),
    st.floats(0, 1, exclude_max=True),
    st.booleans(),
)
def test_a_bad_source(
    names: tuple[str, str], trust: str, pieces: list[int], how: str, share: float, seekable: bool
) -> None:
    """It breaks off, or has other bytes than those that were vouched for: an error, or the exact bytes."""
    file = stored(*names)
    at, data = int(share * len(file.data)), file.data
    body = {
        "cut": data[:at],
        "flipped": flipped(data, at),
        "longer": data + data[:at],
        "shifted": data[at:] + data[:at],
    }.get(how, data)
    source = ShakySource(body, sizes=pieces, breaks_at=at if how == "breaks" else None, seekable=seekable)
    disk = BrittleDisk(OLD)
    if install(disk, file, trust, source) is None:
        assert_right(disk, file)
    else:
        assert_boots_nothing(disk.content)


@examples(40)
@given(
    st.sampled_from(sorted({*NAMES} - {"raw", "zstd, unchecked"})),
    st.floats(0, 1, exclude_max=True),
)
def test_a_flipped_bit_is_seen_by_the_format(name: str, share: float) -> None:
    """Without any digest: wherever in a compressed image the bit is, other bytes are no success."""
    file, disk = stored(name, "smaller"), BrittleDisk(OLD)
    body = flipped(file.data, int(share * len(file.data)))
    if install(disk, file, "nothing", ShakySource(body)) is None:
        assert_right(disk, file)
    else:
        assert_boots_nothing(disk.content)


@examples(100)
@given(
    st.tuples(st.sampled_from(QUICK), st.sampled_from(["as large as the disk", "smaller"])),
    st.sampled_from(VOUCHED),
    st.integers(0, 22),
    st.integers(0, 2**32),
)
def test_a_power_cut(names: tuple[str, str], trust: str, number: int, seed: int) -> None:
    """Power fails at some call, and of what wasn't synced some sectors survive, in no order.

    The disk boots the older system as it was, or the image as it should be, or nothing; and the next run
    completes it.
    """
    file, disk = stored(*names), BrittleDisk(OLD, Trouble("power", "any", number))
    try:
        assert install(disk, file, trust) is None
        assume(False)  # there weren't so many calls
    except PowerCut:
        pass
    found = disk.after_power_cut(seed)
    assert found == OLD or boots_nothing_or(file, found)
    if found[MIB:-MIB] not in (OLD[MIB:-MIB], file.raw[MIB:-MIB]):
        assert not found[-MIB:].strip(b"\0")
    again = BrittleDisk(found)
    assert install(again, file, trust) is None
    assert_right(again, file)
