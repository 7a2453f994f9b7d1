"""What only Debian can tell about a profile: names that there aren't, told with the nearest there are."""

import os
from pathlib import Path

import pytest
from archives import Image, docker, tar

from osie.cli.workshop import build_cache
from osie.core.errors import OsieError
from osie.image import check
from osie.image.profile import archives, profile

PROFILES = Path(__file__).parents[3] / "profiles"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


def _check(name: str) -> None:
    wanted = profile.load(name, PROFILES)
    check.check(wanted, archives.wanted(wanted), build_cache())


def test_all_unknown_names_are_told_at_once(tmp_path: Path) -> None:
    """Packages, modules, an image that is of no use: one error, each with its place, and the nearest name."""
    path = tmp_path / "bad.toml"
    path.write_text("""
        name = "bad"
        extends = "virtual"
        packages = ["ethtool", "tcpdmp"]
        firmware.packages = ["firmware-bnx3"]
        without_packages = ["opensll"]
        modules.names = ["igb", "nvmee"]
        [[images]]
        name = "registry.example/tool:1"
        source = "tool.tar"
        """)
    docker(tmp_path / "tool.tar", [Image([tar({})], architecture="arm64")])
    with pytest.raises(OsieError) as caught:
        _check(str(path))
    told = str(caught.value).splitlines()[1:]
    assert told == [
        f"    {path}: packages.1: trixie has no package 'tcpdmp'; did you mean 'tcpdump'?",
        f"    {path}: without_packages.0: trixie has no package 'opensll'; did you mean 'openssl'?",
        f"    {path}: firmware.packages.0: trixie has no package 'firmware-bnx3';"
        " did you mean 'firmware-bnx2'?",
        f"    {path}: modules.names.1: the kernel has no module 'nvmee'; did you mean 'nvme'?",
        f"    {path}: images.0.source: {tmp_path}/tool.tar: its image is for linux/arm64,"
        " not for linux/amd64",
    ]


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.toml")))
def test_our_own_profiles_name_nothing_unknown(name: str) -> None:
    """Every package and module of the profiles that ship exists."""
    _check(name)
