"""The root tree: the files a machine runs from, made of the unpacked packages and the profile."""

import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from osie.core.errors import OsieError
from osie.core.process import run
from osie.image.profile import inside
from osie.image.profile.profile import Profile
from osie.image.root import configuration, kernel, python, required, selection, tree

_FIRMWARE = Path("usr/lib/firmware")
_BUSYBOX = Path("usr/bin/busybox")


def build(profile: Profile, packages: Path, result: Path, *, links: Mapping[str, str]) -> None:
    """Fill `result` with `tree`, the root; `digest`, of the tree; `modules.load`, what starts the machine;
    `modules.json`, the class of each module; `busybox`. `links` are symbolic links: path in the root, target.
    """
    root = result / "tree"
    files = {inside.plain(file.path) for file in profile.files}
    root.mkdir()
    selection.copy(packages, root, without=profile.without_packages, exclude=profile.exclude)
    required.check(profile, root, packages)
    configuration.configure(root)
    modules = kernel.read(packages)
    classes = kernel.by_class(modules, profile)
    kernel.unpack(modules, classes, root)
    (result / "modules.json").write_text(json.dumps(classes))
    (result / "modules.load").write_text("\n".join(kernel.select(modules, kernel.ROOT_CLASS)))
    _copy_firmware(packages, root, exclude=profile.exclude)
    (library,) = (root / "usr/lib").glob("python3.*")
    python.compile_all(root, library, inside=f"/usr/lib/{library.name}", sourceless=True)
    _add_files(profile, root)  # not before: its Python files stay as they are
    selection.drop_unneeded_libraries(root, keep=files)
    required.check_libraries(profile, root)
    _link(links, root, given=files)
    (root / _BUSYBOX).rename(result / "busybox")
    (root / _BUSYBOX).touch()  # /init puts its own there
    (result / "digest").write_text(tree.digest(root))


def _add_files(profile: Profile, root: Path) -> None:
    errors = []
    for file in profile.files:
        try:
            place = inside.free(root, file.path)
        except OsieError as error:
            errors.append(f"{profile.place('files', file.path)}.path: {error}")
            continue
        place.write_bytes(file.data())
        place.chmod(int(file.mode, 8))
    if errors:
        raise OsieError("the profile can't be used:" + "".join(f"\n    {line}" for line in errors))


def _link(links: Mapping[str, str], root: Path, *, given: Collection[str]) -> None:
    """Make the links; where the profile has a file at one's path, the file stays."""
    for name, target in links.items():
        if f"/{name}" not in given:
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            place.symlink_to(target)


def _copy_firmware(packages: Path, root: Path, *, exclude: Iterable[str]) -> None:
    """Of the firmware packages, what the chosen modules ask for."""
    if not (packages / _FIRMWARE).is_dir():
        return
    modules = sorted((root / "usr/lib/modules").rglob("*.ko"))
    for name in sorted(set(run(["modinfo", "-F", "firmware", *modules]).stdout.split())):
        source = packages / _FIRMWARE / name
        if source.is_file() and not selection.matches(f"/{_FIRMWARE / name}", exclude):
            (root / _FIRMWARE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, root / _FIRMWARE / name)
