"""One kernel a ramdisk: what the unpacked packages have is told where it isn't so."""

from pathlib import Path

import pytest

from osie.core.errors import OsieError
from osie.image.profile.profile import Profile
from osie.image.root import packages


@pytest.mark.parametrize(
    ("kernels", "told"),
    [((), "none"), (("6.12-amd64", "6.12-cloud-amd64"), "2: 6.12-amd64, 6.12-cloud-amd64")],
)
def test_no_kernel_and_two_are_told_with_who_asked(
    tmp_path: Path, kernels: tuple[str, ...], told: str
) -> None:
    """With the profile, the kernels, and where each of the packages is named."""
    (tmp_path / "boot").mkdir()
    for name in kernels:
        (tmp_path / f"boot/vmlinuz-{name}").touch()
    asked = Profile(
        name="mine",
        suite="trixie",
        packages=("udev", "linux-image-amd64", "linux-image-cloud-amd64"),
        places={"packages:linux-image-amd64": "base.toml: packages.1"},
    )
    with pytest.raises(OsieError) as caught:
        packages.check_kernel(asked, tmp_path)
    assert str(caught.value).splitlines() == [
        f"profile mine: a ramdisk has one kernel, its packages bring {told}",
        "    base.toml: packages.1: linux-image-amd64",
        "    packages: linux-image-cloud-amd64",
    ]


def test_one_kernel_is_no_error(tmp_path: Path) -> None:
    """However many packages name it: one that only depends on another is none by itself."""
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz-6.12-amd64").touch()
    asked = ("linux-image-amd64", "linux-image-6.12-amd64")
    packages.check_kernel(Profile(name="mine", suite="trixie", packages=asked), tmp_path)
