"""minisign's formats: what one side writes the other reads, and nothing else passes."""

import contextlib
from binascii import b2a_base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.trust import minisign, minisign_secret
from osie.actions.trust.minisign_secret import SecretKeyError
from osie.actions.trust.signature import SignatureError

PAIR = minisign_secret.generated()
PUBLIC = minisign.public_key(minisign_secret.public_file(PAIR).decode())
SIGNED = PAIR.sign(b"an image", "timestamp:1\tfile:i")
OTHER = minisign_secret.generated()


def _no_password() -> str:
    raise AssertionError("asked for a password")


def _verify(document: bytes, data: bytes = b"an image", key: minisign.MinisignKey = PUBLIC) -> str:
    verifier = key.verifier(document, "the image")
    for start in range(0, len(data), 3):
        verifier.update(data[start : start + 3])
    return verifier.check()


def test_what_is_signed_is_verified() -> None:
    """However it is cut; the key and the signed comment are told."""
    assert _verify(SIGNED) == f"minisign key {minisign.shown_id(PAIR.key_id)} (timestamp:1 file:i)"


@pytest.mark.parametrize("data", [b"", b"an imagf", b"an image\n"])
def test_other_bytes_are_an_error(data: bytes) -> None:
    """One that differs is enough."""
    with pytest.raises(SignatureError, match=r"^the image isn't what was signed"):
        _verify(SIGNED, data)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 127))
def test_a_changed_signature_is_an_error(position: int, difference: int) -> None:
    """Wherever it is changed, but in the comment that says it is untrusted."""
    first = SIGNED.index(b"\n")
    changed = bytearray(SIGNED)
    changed[position] ^= difference
    if position < first or (position == len(SIGNED) - 1 and changed[-1:] in b"\r\n"):
        return
    with pytest.raises(SignatureError):
        _verify(bytes(changed))


def test_another_key_is_named() -> None:
    """Both numbers, as minisign prints them."""
    ids = [minisign.shown_id(pair.key_id) for pair in (PAIR, OTHER)]
    with pytest.raises(SignatureError, match=rf"signed by minisign key {ids[0]}, not by the .* {ids[1]}$"):
        _verify(SIGNED, key=OTHER.public_key)


def test_a_key_that_claims_anothers_number_is_an_error() -> None:
    """The number is no secret."""
    claims = minisign_secret.SecretKey(PAIR.key_id, OTHER.seed, OTHER.public)
    with pytest.raises(SignatureError, match="isn't what was signed"):
        _verify(claims.sign(b"an image", "c"))


@given(st.binary() | st.binary().map(lambda data: SIGNED[:60] + data))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    """Any bytes are a clear error."""
    with contextlib.suppress(SignatureError):
        PUBLIC.verifier(data, "the image")
    with contextlib.suppress(ValueError):
        minisign.public_key(data.decode(errors="replace"))
    with pytest.raises(SecretKeyError):
        minisign_secret.read(data, _no_password)


def test_lines_may_end_as_on_windows() -> None:
    """A key or signature that went through another system is the same."""
    assert _verify(SIGNED.replace(b"\n", b"\r\n"))
    text = minisign_secret.public_file(PAIR).decode()
    assert minisign.public_key(text.replace("\n", "\r\n")) == PUBLIC
    assert minisign.public_key(text.split("\n")[1]) == PUBLIC


def test_a_secret_key_is_read_again() -> None:
    """One without a password; a damaged one isn't."""
    written = minisign_secret.secret_file(PAIR, "")
    assert minisign_secret.read(written, _no_password) == PAIR
    other = minisign_secret.SecretKey(PAIR.key_id, PAIR.seed, OTHER.public)
    with pytest.raises(SecretKeyError, match="damaged"):
        minisign_secret.read(minisign_secret.secret_file(other, ""), _no_password)


def test_a_secret_key_isnt_shown() -> None:
    """Neither where it is given as the public one, nor by its representation."""
    written = minisign_secret.secret_file(PAIR, "").decode()
    for text in (written, written.split("\n")[1]):
        with pytest.raises(ValueError, match=r"^is a secret key") as caught:
            minisign.public_key(text)
        assert written.split("\n")[1][80:] not in str(caught.value)
    assert repr(PAIR.seed)[2:-1] not in repr(PAIR)


def test_a_greedy_password_is_turned_down() -> None:
    """A key's file can't have us take all memory."""
    limits = (2**60).to_bytes(8, "little") * 2
    blob = b"EdScB2" + bytes(32) + limits + bytes(104)
    with pytest.raises(SecretKeyError, match="more memory"):
        minisign_secret.read(b2a_base64(blob), _no_password)


@pytest.mark.parametrize("comment", ["two\nlines", "x" * 8193])
def test_an_impossible_comment_is_an_error(comment: str) -> None:
    """minisign couldn't read it."""
    with pytest.raises(SecretKeyError, match="one line of at most 8192 bytes"):
        PAIR.sign(b"", comment)
