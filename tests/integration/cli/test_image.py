"""`osie image` as a process: manifests of real images, in every format, and what is wrong with the others."""

import bz2
import gzip
import hashlib
import itertools
import lzma
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
import zstandard

from osie.contracts.image_manifest import BLOCK_BYTES, ImageManifest, Stored

HOW_TO = Path(__file__).resolve().parents[3] / "docs/how-to/verify-an-image.md"
MIB = 1 << 20
_PAGE = b"data" + bytes(4092)  # no hole, and quickly compressed
# a GPT's header for 512, data, a hole, data that doesn't end with a block
_GPT = b"EFI PART" + bytes(16) + b"\1"
_DATA = bytes(512) + _GPT.ljust(4096 - 512, b"\0") + os.urandom(64 << 10)
_PARTS = (_DATA + _PAGE * (5 * 256 - 17), bytes(6 * MIB), _PAGE * 512 + bytes(512))
RAW = b"".join(_PARTS)
HOLE = (5 * MIB, 6 * MIB)


def _osie(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "osie.cli", "image", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def _fails(told: str, *arguments: str | Path) -> None:
    """Exit status 1, and one clear line, with at most a hint after it."""
    done = _osie(*arguments)
    first, *more = done.stderr.strip().splitlines()
    assert done.returncode == 1, done.stderr
    assert first.startswith("osie: ")
    assert told in first
    assert all(line.startswith("  try: ") for line in more)
    assert len(more) <= 1


_ZSTD = zstandard.ZstdCompressor(level=1).compress
_FORMATS: list[tuple[str, Callable[[bytes], bytes], tuple[bytes, ...]]] = [
    ("raw", bytes, (RAW,)),
    ("gzip", lambda part: gzip.compress(part, 1), _PARTS),
    ("bzip2", lambda part: bz2.compress(part, 1), _PARTS),
    ("xz", lambda part: lzma.compress(part, preset=0), _PARTS),
    ("zstd", _ZSTD, _PARTS),
    ("lz4", lz4.frame.compress, _PARTS),
    ("zstd", _ZSTD, (RAW,)),
]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A raw image."""
    path = tmp_path / "image"
    path.write_bytes(RAW)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A secret key's file, and a public one's."""
    assert _osie("key", tmp_path / "me").returncode == 0
    return tmp_path / "me.key", tmp_path / "me.pub"


@pytest.mark.parametrize(("kind", "compress", "parts"), _FORMATS)
def test_a_manifest_describes_the_raw_image(
    tmp_path: Path, kind: str, compress: Callable[[bytes], bytes], parts: tuple[bytes, ...]
) -> None:
    """Whatever it is stored as; with the places to go on from where members begin."""
    path = tmp_path / "image"
    members = [compress(part) for part in parts]
    stored = b"".join(members)
    path.write_bytes(stored)
    done = _osie("manifest", path)
    assert done.returncode == 0, done.stderr
    manifest = ImageManifest.decode((tmp_path / "image.manifest").read_bytes())
    assert f"root: {manifest.root}" in done.stdout
    assert manifest.raw_size == len(RAW)
    assert manifest.holes == (HOLE,)
    cut = range(0, len(RAW), BLOCK_BYTES)
    hashes = [hashlib.sha256(RAW[start : start + BLOCK_BYTES]).digest() for start in cut]
    assert manifest.hashes == b"".join(hashes)
    ends = zip(itertools.accumulate(map(len, members)), itertools.accumulate(map(len, parts)), strict=True)
    digest = f"sha256:{hashlib.sha256(stored).hexdigest()}"
    assert manifest.stored == Stored(len(stored), digest, kind, tuple(ends)[:-1])
    assert _osie("verify", path).returncode == 0


@pytest.mark.parametrize(
    ("offset", "told", "size"), [(4096, None, 4096), (512, None, 512), (512, "4096", 4096), (0, None, None)]
)
def test_the_sector_size_is_guessed_or_given(
    tmp_path: Path, offset: int, told: str | None, size: int | None
) -> None:
    """By the GPT; what is given counts. Without both there is none."""
    path = tmp_path / "image"
    path.write_bytes(bytes(offset) + (_GPT if offset else b"") + bytes(8192))
    more = ["--sector-size", told] if told else []
    assert _osie("manifest", path, "--image-kind", "any", *more).returncode == 0
    assert ImageManifest.decode((tmp_path / "image.manifest").read_bytes()).sector_size == size


def test_a_signed_manifest_is_verified(image: Path, pair: tuple[Path, Path]) -> None:
    """By us, with the key's file or its line, and by the program minisign; the comment has the root."""
    secret, public = pair
    assert secret.stat().st_mode & 0o777 == 0o600
    made = _osie("manifest", image, "--sign", secret, "--output", image.with_name("m"))
    assert made.returncode == 0, made.stderr
    root = ImageManifest.decode(image.with_name("m").read_bytes()).root
    for key in (str(public), public.read_text().splitlines()[1]):
        done = _osie("verify", image, "--manifest", image.with_name("m"), "--key", key)
        assert done.returncode == 0, done.stderr
        assert "signed by minisign key " in done.stdout
        assert f"root:{root}" in done.stdout
    its = subprocess.run(
        ["minisign", "-Vm", "m", "-p", public], cwd=image.parent, capture_output=True, text=True, check=True
    )
    assert f"file:m\thashed\troot:{root}" in its.stdout


def test_another_signature_is_one_clear_line(image: Path, pair: tuple[Path, Path]) -> None:
    """Of another manifest, by another key, or none."""
    secret, public = pair
    manifest = image.with_name("image.manifest")
    assert _osie("manifest", image).returncode == 0
    _fails("can't read", "verify", image, "--key", public)
    assert _osie("manifest", image, "--sign", secret).returncode == 0
    assert _osie("key", image.with_name("other")).returncode == 0
    _fails("not by the minisign key", "verify", image, "--key", image.with_name("other.pub"))
    manifest.write_bytes(manifest.read_bytes() + b" ")
    _fails("isn't what was signed", "verify", image, "--key", public)
    _fails("is a secret key", "verify", image, "--key", secret)


def test_another_image_is_one_clear_line(image: Path) -> None:
    """The block is named; where only the compression is another, that is said."""
    assert _osie("manifest", image).returncode == 0
    changed = bytearray(RAW)
    changed[9 * MIB] = 1
    image.write_bytes(changed)
    _fails("block 2 differs (bytes 8388608 to 12582911)", "verify", image)
    image.write_bytes(RAW[:-1])
    _fails(f"ends after {len(RAW) - 1} bytes", "verify", image)
    image.write_bytes(_ZSTD(RAW))
    _fails("compressed again?", "verify", image)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the image is empty"),
        (b"QFI\xfb" + bytes(512), "it is a qcow2 image"),
        (gzip.compress(RAW, 1)[:-9], "the image is truncated"),
        (_ZSTD(gzip.compress(bytes(MIB))), "compressed twice (gzip inside), in zstd"),
    ],
    ids=["empty", "qcow2", "truncated", "twice"],
)
def test_what_is_no_image_has_no_manifest(tmp_path: Path, content: bytes, told: str) -> None:
    """One clear line, and nothing is left."""
    path = tmp_path / "image"
    path.write_bytes(content)
    _fails(told, "manifest", path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["image"]


@pytest.mark.parametrize("image_kind", ["disk", "any"])
def test_a_manifest_is_of_a_disk_image_unless_told(tmp_path: Path, image_kind: str) -> None:
    """A tar isn't signed by mistake; who means it says so."""
    path = tmp_path / "image"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(__file__, "disk.img")
    if image_kind == "disk":
        _fails("it is a tar archive ('disk.img' comes first)", "manifest", path)
    else:
        assert _osie("manifest", path, "--image-kind", image_kind).returncode == 0


def test_bytes_behind_the_end_are_told(tmp_path: Path) -> None:
    """Who makes the manifest stands for the whole, so they are borne; zeroes are padding."""
    path = tmp_path / "image"
    for behind, told in [(bytes(511), ""), (b'{"signature": 1}', "16 bytes follow the end of the gzip data")]:
        path.write_bytes(gzip.compress(RAW, 1) + behind)
        done = _osie("manifest", path)
        assert done.returncode == 0
        assert told in done.stderr
        assert bool(told) == bool(done.stderr)
        assert ImageManifest.decode((tmp_path / "image.manifest").read_bytes()).raw_size == len(RAW)


def test_wrong_files_are_one_clear_line(image: Path, pair: tuple[Path, Path]) -> None:
    """A public key can't sign, an image is no manifest, keys aren't overwritten."""
    _fails("no minisign secret key", "manifest", image, "--sign", pair[1])
    _fails("this is no Osie image manifest", "verify", image, "--manifest", image)
    _fails("me.key exists already", "key", image.with_name("me"))
    assert _osie("verify", image, "--manifest", image, "--signature", image).returncode == 2


def test_an_old_signature_is_told(image: Path, pair: tuple[Path, Path]) -> None:
    """A manifest that is made anew without --sign isn't what was signed."""
    assert _osie("manifest", image, "--sign", pair[0]).returncode == 0
    assert "sign again" in _osie("manifest", image).stdout


def test_the_how_to_works_as_it_stands(tmp_path: Path) -> None:
    """Its commands, in order, on an image of the name that it uses; then the image is in several frames."""
    (tmp_path / "debian-12.raw").write_bytes(RAW)
    (tmp_path / "debian-12.raw.zst").write_bytes(_ZSTD(RAW))
    commands = re.findall(r"^ *```sh\n(.*?)^ *```$", HOW_TO.read_text(), re.DOTALL | re.MULTILINE)
    assert len(commands) == 4
    script = "".join(commands).replace("--bytes=64M", "--bytes=4M")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", f"{script}osie image manifest debian-12.raw.zst"],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "all 4 blocks are right" in done.stdout
    assert "zstd: 3 places to go on from" in done.stdout
