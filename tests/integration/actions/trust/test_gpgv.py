"""OpenPGP signatures by real keys, made here with gpg, verified by gpgv while the bytes pass by."""

from base64 import b64encode
from pathlib import Path

import pytest
from gpg_home import Gpg

from osie.actions.trust import openpgp
from osie.actions.trust.openpgp import OpenPgpKey
from osie.actions.trust.signature import SignatureError

DATA = bytes(range(256)) * 12_000  # 3 MB: more than a pipe holds


def _key(gpg: Gpg, name: str) -> OpenPgpKey:
    return openpgp.public_key(gpg("--armor", "--export", name).decode())


def _verify(key: OpenPgpKey, signature: bytes, data: bytes = DATA) -> str:
    verifier = key.verifier(signature, "the image")
    try:
        for start in range(0, len(data), 1 << 20):
            verifier.update(data[start : start + (1 << 20)])
        return verifier.check()
    finally:
        verifier.close()


def _fingerprint(gpg: Gpg, name: str) -> str:
    lines = gpg("--with-colons", "--list-keys", name).decode().splitlines()
    return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))


@pytest.mark.parametrize("name", ["alice", "bob"])
@pytest.mark.parametrize("options", [(), ("--armor",)])
def test_what_is_signed_is_verified(gpg: Gpg, name: str, options: tuple[str, ...]) -> None:
    """Ed25519 and RSA, in armour and without; the key's fingerprint is told."""
    signature = gpg.sign("--local-user", name, *options, data=DATA)
    assert _verify(_key(gpg, name), signature) == f"OpenPGP key {_fingerprint(gpg, name)}"


def test_a_key_is_read_in_each_form(gpg: Gpg) -> None:
    """Armour, base64 of armour, base64 of none, broken over lines or not: all the same key."""
    binary, armour = gpg("--export", "alice"), gpg("--armor", "--export", "alice")
    wrapped = b64encode(binary)[:60] + b"\n" + b64encode(binary)[60:]
    for text in (armour, b64encode(armour), b64encode(binary), wrapped):
        assert openpgp.public_key(text.decode()).keyring == binary


def test_a_secret_key_is_refused(gpg: Gpg) -> None:
    """In armour and without."""
    for text in (
        gpg("--armor", "--export-secret-keys", "alice"),
        b64encode(gpg("--export-secret-keys", "bob")),
    ):
        with pytest.raises(ValueError, match=r"^is a secret key"):
            openpgp.public_key(text.decode())


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"\0", b"\1" + DATA[1:]])
def test_other_bytes_are_an_error(gpg: Gpg, data: bytes) -> None:
    """Shorter, longer, or changed."""
    with pytest.raises(SignatureError, match=r"^the image isn't what was signed"):
        _verify(_key(gpg, "alice"), gpg.sign("--local-user", "alice", data=DATA), data)


def test_anothers_signature_is_an_error(gpg: Gpg) -> None:
    """It may be good, but nobody trusts it."""
    with pytest.raises(SignatureError, match="signed by another OpenPGP key"):
        _verify(_key(gpg, "alice"), gpg.sign("--local-user", "bob", data=DATA))


def test_one_of_several_signatures_is_enough(gpg: Gpg) -> None:
    """As with lists that two keys sign while one takes over from the other."""
    both = gpg.sign("--local-user", "alice", "--local-user", "bob", data=DATA)
    for name in ("alice", "bob"):
        assert _verify(_key(gpg, name), both) == f"OpenPGP key {_fingerprint(gpg, name)}"


def test_a_keys_time_counts(gpg: Gpg) -> None:
    """A key that has expired doesn't sign."""
    gpg.key("carol", "ed25519", "--faked-system-time", "20200101T000000")
    time = ("--faked-system-time", "20200102T000000")
    gpg(*time, "--quick-set-expire", _fingerprint(gpg, "carol"), "1w")
    signature = gpg.sign(*time, "--local-user", "carol", data=DATA)
    with pytest.raises(SignatureError, match="a key that has expired, by this machine's clock"):
        _verify(_key(gpg, "carol"), signature)


def test_a_weak_digest_isnt_taken(gpg: Gpg) -> None:
    """SHA-1 can be forged."""
    signature = gpg.sign("--local-user", "bob", "--digest-algo", "SHA1", data=DATA)
    with pytest.raises(
        SignatureError, match=r"the image can't be verified: gpgv: .*: Invalid digest algorithm"
    ):
        _verify(_key(gpg, "bob"), signature)


@pytest.mark.parametrize("how", ["--sign", "--clear-sign", "--store"])
def test_a_message_that_brings_its_own_data_is_refused(gpg: Gpg, how: str) -> None:
    """A good signature of something else doesn't stand for the image."""
    message = gpg("--local-user", "alice", how, data=b"something else\n")
    with pytest.raises(SignatureError, match="no detached OpenPGP signature"):
        _verify(_key(gpg, "alice"), message)


def test_a_damaged_signature_is_one_clear_line(gpg: Gpg) -> None:
    """Whatever byte of it is changed, but in the part that isn't signed, where it does no harm."""
    signature = gpg.sign("--local-user", "alice", data=b"x")
    key, damaged = _key(gpg, "alice"), 0
    for position in range(0, len(signature), 9):
        changed = bytearray(signature)
        changed[position] ^= 4
        try:
            assert _verify(key, bytes(changed), b"x") == f"OpenPGP key {_fingerprint(gpg, 'alice')}"
        except SignatureError as error:
            assert "\n" not in str(error)
            damaged += 1
    assert damaged > 5


def test_giving_up_leaves_nothing(gpg: Gpg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the image breaks off, gpgv is ended and its folder removed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    verifier = _key(gpg, "alice").verifier(gpg.sign("--local-user", "alice", data=DATA), "the image")
    verifier.update(DATA)
    assert list(tmp_path.iterdir())
    verifier.close()
    assert list(tmp_path.iterdir()) == []
    assert verifier._process.poll() is not None


def test_without_gpgv_it_is_told(gpg: Gpg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is fetched, with the package that has it."""
    signature, key = gpg.sign("--local-user", "alice", data=DATA), _key(gpg, "alice")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SignatureError, match="gpgv: No such file or directory") as caught:
        key.verifier(signature, "the image")
    assert "Debian's package gpgv" in caught.value.hint
