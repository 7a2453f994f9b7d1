"""Which images there are, and what each holds."""

import json
from pathlib import Path

import pytest

from osie.core.errors import OsieError
from osie.oci import document, extras, images, selection

_SOURCES = {
    "__init__.py": "",
    "contracts/__init__.py": "",
    "contracts/events.py": "",
    "contracts/tink_pb2.py": "",
    "contracts/tink_pb2.pyi": "",
    "core/__init__.py": "",
    "core/errors.py": "",
    "core/__pycache__/x.pyc": "",
    "worker/__init__.py": "",
    "worker/__main__.py": "from osie.contracts import tink_pb2",
    "actions/__init__.py": "",
    "actions/program.py": "import os\nfrom osie.core.errors import OsieError",
    "actions/reboot/__init__.py": "",
    "actions/reboot/__main__.py": "from osie.actions import program",
    "actions/reboot/action.txt": "",
    "actions/image2disk/__main__.py": "def main():\n    import osie.actions.disk.writer",
    "actions/image2disk/image.toml": '[packages]\nxz-utils = "usr/bin/xz"\n',
    "actions/disk/__init__.py": "",
    "actions/disk/writer.py": "",
    "boots/__init__.py": "",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder like that of the `osie` package, with shared modules and two actions."""
    for name, source in _SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    return tmp_path


def _recipe(package: Path, name: str) -> images.Recipe:
    return next(recipe for recipe in images.recipes(package) if recipe.ref == f"{name}:latest")


def test_a_new_action_is_a_new_folder(package: Path) -> None:
    """Every folder with a __main__ becomes an image, with no list to add it to."""
    assert [recipe.ref for recipe in images.recipes(package)] == [
        "tink-worker:latest",
        "actions/image2disk:latest",
        "actions/reboot:latest",
    ]
    (package / "actions/new").mkdir()
    (package / "actions/new/__main__.py").touch()
    assert "actions/new:latest" in [recipe.ref for recipe in images.recipes(package)]


def test_an_image_holds_what_it_runs_and_no_more(package: Path) -> None:
    """An image has its own folder, the modules that this imports, and what they import; nothing else."""
    reboot = _recipe(package, "actions/reboot")
    assert reboot.module == "osie.actions.reboot"
    assert reboot.files == (
        "__init__.py",
        "actions/__init__.py",
        "actions/program.py",
        "actions/reboot/__init__.py",
        "actions/reboot/__main__.py",
        "actions/reboot/action.txt",
        "core/__init__.py",
        "core/errors.py",
    )
    assert "contracts/tink_pb2.py" in _recipe(package, "tink-worker").files


def test_an_import_inside_a_function_counts(package: Path) -> None:
    """A module that is imported only when it's needed is in the image."""
    assert "actions/disk/writer.py" in _recipe(package, "actions/image2disk").files


def test_an_image_says_which_packages_it_needs(package: Path) -> None:
    """image.toml names packages and files of them; it is no part of the image, and most images have none."""
    recipe = _recipe(package, "actions/image2disk")
    assert recipe.packages == {("xz-utils", "usr/bin/xz")}
    assert "actions/image2disk/image.toml" not in recipe.files
    assert not _recipe(package, "actions/reboot").packages


@pytest.mark.parametrize("text", ["packages = 1", "[packages]\nxz = 1", "[package]\nxz = '*'", "["])
def test_a_wrong_image_toml_is_told(tmp_path: Path, text: str) -> None:
    """A list that can't be meant is an error that names the file."""
    (tmp_path / "image.toml").write_text(text)
    with pytest.raises(OsieError, match=r"image\.toml"):
        extras.read(tmp_path)


def test_what_images_share_is_one_layer() -> None:
    """Packages that the same images want are together; none is in two layers of an image."""
    xz, gpg, qemu = ("xz-utils", "*"), ("gpgv", "*"), ("qemu-utils", "*")
    wants = {"a": frozenset({xz, gpg}), "b": frozenset({xz, gpg, qemu}), "c": frozenset[tuple[str, str]]()}
    assert extras.grouped(wants) == {frozenset({xz, gpg}): {"a", "b"}, frozenset({qemu}): {"b"}}


def test_a_config_says_how_to_start(package: Path) -> None:
    """Entrypoint, search path, unbuffered output and the layers are the config's."""
    config = json.loads(
        document.config(
            entrypoint=["python3", "-m", "osie.worker"],
            title="tink-worker",
            diff_ids=["sha256:a", "sha256:p", "sha256:b"],
            architecture="amd64",
            created_s=1751328000,
            python_path="/usr/lib/osie/python",
        )
    )
    assert config["created"] == "2025-07-01T00:00:00Z"
    assert config["config"]["Entrypoint"] == ["python3", "-m", "osie.worker"]
    assert {"PYTHONPATH=/usr/lib/osie/python", "PYTHONUNBUFFERED=1"} <= set(config["config"]["Env"])
    assert config["rootfs"] == {"type": "layers", "diff_ids": ["sha256:a", "sha256:p", "sha256:b"]}
    assert len(config["history"]) == 3


@pytest.mark.parametrize(
    "name",
    [
        "usr/bin/busybox",
        "usr/bin/python3.13",
        "usr/lib/python3.13/asyncio/base_events.py",
        "usr/lib/python3.13/encodings/utf_8.py",
        "usr/lib/python3.13/lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so",
        "usr/lib/python3/dist-packages/google/protobuf/internal/builder.py",
        "usr/lib/python3/dist-packages/zstandard/backend_c.cpython-313-x86_64-linux-gnu.so",
    ],
)
def test_what_runs_is_kept(name: str) -> None:
    """The interpreter, its library and our four packages are in the base."""
    assert selection.wanted(name)


@pytest.mark.parametrize(
    "name",
    [
        "usr/bin/apt",
        "usr/bin/perl",
        "usr/share/doc/python3/copyright",
        "usr/lib/python3.13/test/support/__init__.py",
        "usr/lib/python3.13/encodings/cp949.py",
        "usr/lib/python3.13/lib-dynload/_testcapi.cpython-313-x86_64-linux-gnu.so",
        "usr/lib/python3/dist-packages/google/protobuf/pyext/_message.cpython-313-x86_64-linux-gnu.so",
        "usr/lib/python3/dist-packages/zstandard/_cffi.cpython-313-x86_64-linux-gnu.so",
        "var/lib/dpkg/status",
    ],
)
def test_what_does_not_run_is_left_out(name: str) -> None:
    """Package management, documents, tests, rare encodings and the bulky twins of modules stay out."""
    assert not selection.wanted(name)
