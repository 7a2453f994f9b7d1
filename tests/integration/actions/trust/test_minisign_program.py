"""The program minisign: what it makes we read, and what we make it reads."""

import subprocess
from pathlib import Path

import pytest

from osie.actions.trust import minisign, minisign_secret
from osie.actions.trust.minisign_secret import SecretKeyError
from osie.actions.trust.signature import SignatureError

DATA = bytes(range(256)) * 5000


def _minisign(folder: Path, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["minisign", *arguments], cwd=folder, input=typed, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file to sign, and minisign's own key pair without a password."""
    (tmp_path / "image").write_bytes(DATA)
    assert _minisign(tmp_path, "-GWp", "its.pub", "-s", "its.key").returncode == 0
    return tmp_path


def _verify(folder: Path, data: bytes = DATA) -> str:
    key = minisign.public_key((folder / "its.pub").read_text())
    verifier = key.verifier((folder / "image.minisig").read_bytes(), "the image")
    verifier.update(data)
    return verifier.check()


def test_its_signature_is_verified_by_us(folder: Path) -> None:
    """With its key, as it signs today; other bytes aren't."""
    assert _minisign(folder, "-Sm", "image", "-s", "its.key", "-t", "a comment").returncode == 0
    assert _verify(folder).endswith("(a comment)")
    with pytest.raises(SignatureError, match="isn't what was signed"):
        _verify(folder, DATA[:-1])


def test_a_signature_of_its_old_kind_is_refused(folder: Path) -> None:
    """With how to sign again."""
    assert _minisign(folder, "-Slm", "image", "-s", "its.key").returncode == 0
    with pytest.raises(SignatureError, match="minisign's old kind") as caught:
        _verify(folder)
    assert "minisign -S -m FILE" in caught.value.hint


def test_our_signature_is_verified_by_it(folder: Path) -> None:
    """Our pair, our signature, the comment included; minisign notices a changed byte of either."""
    pair = minisign_secret.generated()
    (folder / "ours.pub").write_bytes(minisign_secret.public_file(pair))
    signature = pair.sign(DATA, "timestamp:1\tours")
    (folder / "image.minisig").write_bytes(signature)
    done = _minisign(folder, "-Vm", "image", "-p", "ours.pub")
    assert done.returncode == 0, done.stderr
    assert "Trusted comment: timestamp:1\tours" in done.stdout
    (folder / "image.minisig").write_bytes(signature.replace(b"\tours", b"\toars"))
    assert _minisign(folder, "-Vm", "image", "-p", "ours.pub").returncode != 0


def test_its_secret_key_signs_by_us(folder: Path) -> None:
    """minisign can't tell."""
    pair = minisign_secret.read((folder / "its.key").read_bytes(), lambda: "")
    (folder / "image.minisig").write_bytes(pair.sign(DATA, "c"))
    assert _minisign(folder, "-Vm", "image", "-p", "its.pub").returncode == 0


def test_our_secret_key_signs_by_it(folder: Path) -> None:
    """It reads the file that we write."""
    pair = minisign_secret.generated()
    (folder / "ours.key").write_bytes(minisign_secret.secret_file(pair, ""))
    (folder / "its.pub").write_bytes(minisign_secret.public_file(pair))
    done = _minisign(folder, "-Sm", "image", "-s", "ours.key")
    assert done.returncode == 0, done.stderr
    assert _verify(folder)


def test_a_password_is_the_same_in_both(folder: Path) -> None:
    """A key that we protected signs by minisign and by us, with its password and with no other.

    With little memory for the password: the file says how much, and by default it takes seconds and 1 GiB.
    """
    pair = minisign_secret.generated()
    document = minisign_secret.secret_file(pair, "secret", opslimit=1 << 15, memlimit=1 << 24)
    (folder / "ours.key").write_bytes(document)
    (folder / "its.pub").write_bytes(minisign_secret.public_file(pair))
    done = _minisign(folder, "-Sm", "image", "-s", "ours.key", typed="secret\n")
    assert done.returncode == 0, done.stderr
    assert _verify(folder)
    assert minisign_secret.read(document, lambda: "secret") == pair
    with pytest.raises(SecretKeyError, match="wrong password"):
        minisign_secret.read(document, lambda: "Secret")
