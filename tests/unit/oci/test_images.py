"""Which images there are, and what each holds."""

import json
from pathlib import Path

import pytest

from osie.oci import document, images, selection


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder like that of the `osie` package, with one shared module and two actions."""
    for name in (
        "__init__.py",
        "contracts/__init__.py",
        "contracts/tink_pb2.py",
        "contracts/tink_pb2.pyi",
        "core/__init__.py",
        "core/__pycache__/x.pyc",
        "worker/__init__.py",
        "worker/__main__.py",
        "actions/__init__.py",
        "actions/stream.py",
        "actions/reboot/__init__.py",
        "actions/reboot/__main__.py",
        "actions/reboot/action.toml",
        "actions/image2disk/__main__.py",
        "actions/disk/__init__.py",
        "actions/disk/writer.py",
        "boots/__init__.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


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
    """An action's image has its folder, what actions share, contracts and core; nothing else."""
    reboot = next(recipe for recipe in images.recipes(package) if recipe.ref == "actions/reboot:latest")
    assert reboot.module == "osie.actions.reboot"
    assert reboot.files == (
        "__init__.py",
        "actions/__init__.py",
        "actions/disk/__init__.py",
        "actions/disk/writer.py",
        "actions/reboot/__init__.py",
        "actions/reboot/__main__.py",
        "actions/reboot/action.toml",
        "actions/stream.py",
        "contracts/__init__.py",
        "contracts/tink_pb2.py",
        "core/__init__.py",
    )


def test_a_config_says_how_to_start(package: Path) -> None:
    """Entrypoint, search path, unbuffered output and the layers are the config's."""
    config = json.loads(
        document.config(
            entrypoint=["python3", "-m", "osie.worker"],
            title="tink-worker",
            diff_ids=["sha256:a", "sha256:b"],
            architecture="amd64",
            created_s=1751328000,
            python_path="/usr/lib/osie/python",
        )
    )
    assert config["created"] == "2025-07-01T00:00:00Z"
    assert config["config"]["Entrypoint"] == ["python3", "-m", "osie.worker"]
    assert {"PYTHONPATH=/usr/lib/osie/python", "PYTHONUNBUFFERED=1"} <= set(config["config"]["Env"])
    assert config["rootfs"] == {"type": "layers", "diff_ids": ["sha256:a", "sha256:b"]}
    assert len(config["history"]) == 2


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
