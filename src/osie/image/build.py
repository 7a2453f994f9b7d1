"""A profile to the artifacts a machine netboots: kernel, initramfs, manifest."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from osie.contracts import artifacts
from osie.core import locks
from osie.core.cache import BuildProgress, Cache
from osie.core.errors import OsieError
from osie.core.files import sha256_of_file, write_atomically
from osie.image.artifacts import parts
from osie.image.artifacts.manifest import Artifact, Manifest
from osie.image.embedded.embedded import Wanted
from osie.image.profile.profile import Profile
from osie.image.root import ipxe, kernel, selection
from osie.image.steps import SOURCE, Steps


def build(
    profile: Profile,
    *,
    output: Path,
    worker_image: Path,
    cache: Cache,
    progress: BuildProgress,
    source: Path = SOURCE,
    images: Sequence[Wanted] = (),
) -> Manifest:
    """Write the kernel, the initramfs, iPXE and the manifest into `output`, and return the manifest.

    `worker_image` is a tar that Docker can load, `images` are those besides. Files in `output` are replaced
    only when all is built and within the profile's budget; each is whole at any time, and the manifest comes
    last.
    """
    steps = Steps(profile, cache, worker_image, source, images)
    _check(steps)
    with _modes_as_everywhere():
        built = {artifacts.KERNEL: steps.kernel, artifacts.INITRAMFS: steps.initramfs}
        loaders = {f"{artifacts.IPXE}/{name}": path for name, path in ipxe.binaries(steps.ipxe).items()}
        manifest = _manifest(steps, built, loaders)
    _check_budget(profile, manifest)
    progress.started("artifacts")
    begun = time.monotonic()
    cached = _install(manifest, {**built, **loaders}, output)
    progress.finished("artifacts", seconds=time.monotonic() - begun, size_bytes=manifest.size, cached=cached)
    return manifest


def prepare(profile: Profile, cache: Cache, images: Sequence[Wanted] = ()) -> None:
    """Build, for `build` to find, what doesn't depend on our own images: by far most of it.

    `images` are those that others made.
    """
    with _modes_as_everywhere():
        steps = Steps(profile, cache, worker_image=Path(), images=images)
        _ = steps.ipxe, steps.with_strangers


@contextmanager
def _modes_as_everywhere() -> Iterator[None]:
    """With the usual umask, for programs that we start too: modes are in the artifacts, and in the cache."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _check(steps: Steps) -> None:
    if not steps.worker_image.is_file():
        raise OsieError(
            f"{steps.worker_image}: the worker's image is not there, so it can't go into the ramdisk"
        )
    if os.geteuid() != 0:
        raise OsieError("building a ramdisk needs root", hint="run it as root: mmdebstrap unpacks as root")
    if not steps.init.is_file():
        raise OsieError(f"{steps.init}: missing: what the kernel starts; the checkout is not whole")


def _manifest(steps: Steps, built: dict[str, Path], loaders: dict[str, Path]) -> Manifest:
    packages, root = steps.packages, steps.root / "tree"
    release = kernel.release(root)
    return Manifest(
        profile=steps.profile.name,
        arch=artifacts.ARCH,
        engine=steps.profile.engine,
        artifacts=_described(built),
        packages=[
            *selection.contained(packages, root, also=[f"linux-image-{release}"]),
            ipxe.package(steps.ipxe),
        ],
        kernel_release=release,
        kernel_parameters=steps.profile.kernel_parameters,
        memory_min_mib=steps.profile.memory_min_mib,
        parts=steps.parts,
        loaders=_described(loaders),
    )


def _described(files: dict[str, Path]) -> list[Artifact]:
    return [Artifact(name, path.stat().st_size, sha256_of_file(path)) for name, path in files.items()]


def _check_budget(profile: Profile, manifest: Manifest) -> None:
    budget = profile.size_budget_bytes
    if budget is not None and manifest.size > budget:
        told = ", ".join(f"{name} {size:,}" for name, size in parts.flat(manifest.parts).items())
        raise OsieError(
            f"profile {profile.name}: kernel and initramfs take {manifest.size:,} bytes,"
            f" {manifest.size - budget:,} more than its size_budget_bytes of {budget:,} ({told})",
            hint="leave something out of the profile, or raise its size_budget_bytes",
        )


def _install(manifest: Manifest, built: dict[str, Path], output: Path) -> bool:
    """Bring `output` up to date; True where it was. What fails leaves it as it was."""
    is_new = not output.exists()
    output.mkdir(parents=True, exist_ok=True)
    try:
        with locks.alone_in(output):
            return _replace_stale(manifest, built, output)
    except OSError as error:
        if is_new:
            with suppress(OSError):  # not empty
                output.rmdir()
        raise OsieError(f"the artifacts can't be written to {output}/: {error.strerror}") from None


def _replace_stale(manifest: Manifest, built: dict[str, Path], output: Path) -> bool:
    every = [*manifest.artifacts, *manifest.loaders]
    stale = [one.name for one in every if not _is_whole(output / one.name, one)]
    places = {name: output / name for name in built}
    prepared = {name: place.with_name(f".{place.name}.new") for name, place in places.items()}
    try:
        for name in stale:
            places[name].parent.mkdir(exist_ok=True)
            _copy(built[name], prepared[name])
        for name in stale:
            prepared[name].replace(places[name])
    finally:
        for left in prepared.values():  # by us, or by a build that was killed: we are alone here
            left.unlink(missing_ok=True)
        with suppress(OSError):  # not empty, as it is where nothing failed
            (output / artifacts.IPXE).rmdir()
    place = output / artifacts.MANIFEST
    if not stale and place.is_file() and place.read_text() == manifest.json():
        return True
    write_atomically(place, manifest.json())
    return False


def _is_whole(path: Path, artifact: Artifact) -> bool:
    return path.is_file() and path.stat().st_size == artifact.size and sha256_of_file(path) == artifact.sha256


def _copy(source: Path, target: Path) -> None:
    """Copy durably."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    target.chmod(0o644)
