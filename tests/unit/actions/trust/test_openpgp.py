"""What is looked at before gpgv is asked, and how its answer is read."""

import contextlib
from binascii import b2a_base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.trust import openpgp
from osie.actions.trust.openpgp import signer
from osie.actions.trust.openpgp_packets import dearmoured, tags
from osie.actions.trust.signature import SignatureError


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\x98\x02ab" + b"\xb4\x01c", [6, 13]),  # old headers: one octet
        (b"\x99\x00\x02ab", [6]),  # two
        (b"\x8a\x00\x00\x00\x01a", [2]),  # four
        (b"\xc2\x01a" + b"\xc6\x00", [2, 6]),  # new headers: one octet
        (b"\xc2\xc0\x00" + bytes(192), [2]),  # two
        (b"\xc2\xff\x00\x00\x00\x01a", [2]),  # five
    ],
)
def test_packets_are_walked(data: bytes, found: list[int]) -> None:
    """Headers of all lengths."""
    assert list(tags(data)) == found


@pytest.mark.parametrize("data", [b"a", b"\x98", b"\x98\x02a", b"\x9b\x00", b"\xcb\xe0a", b"\xc2\xff\x00"])
def test_what_is_no_packet_is_an_error(data: bytes) -> None:
    """Cut off, without a length, partial, or something else."""
    with pytest.raises(ValueError, match=r"^is "):
        list(tags(data))


@given(st.binary(), st.text())
def test_nothing_breaks_the_readers(data: bytes, text: str) -> None:
    """Any bytes and any text are a clear error, or what they say."""
    with contextlib.suppress(ValueError):
        list(tags(data))
    for tried in (text, f"-----BEGIN PGP {text}", b2a_base64(data).decode()):
        with contextlib.suppress(ValueError):
            dearmoured(tried)
        with contextlib.suppress(ValueError):
            openpgp.public_key(tried)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\x98\x00",  # a key
        b"\xc2\x00\xcb\x01b",  # a signature, and what it signs
        b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n-----BEGIN PGP SIGNATURE-----\n",
        b"-----BEGIN PGP MESSAGE-----\n\nywFi\n-----END PGP MESSAGE-----",
        b"-----BEGIN PGP SIGNATURE-----\n\n!\n-----END PGP SIGNATURE-----",
        b"RUQ somebody's minisign",
    ],
)
def test_only_detached_signatures_reach_gpgv(document: bytes) -> None:
    """A message that brings what it signs would have gpgv verify that."""
    with pytest.raises(SignatureError, match="is no detached OpenPGP signature: it ") as caught:
        openpgp.OpenPgpKey(b"").verifier(document, "the image")
    assert "--detach-sign" in caught.value.hint


def _status(text: str) -> list[list[str]]:
    return [line.split() for line in text.split("; ")]


@pytest.mark.parametrize(
    "status",
    [
        "NEWSIG; GOODSIG 12 me; VALIDSIG F1 more F0",
        "NEWSIG; ERRSIG 99; NO_PUBKEY 99; NEWSIG; GOODSIG 12 me; VALIDSIG F1 more F0",
        "NEWSIG; GOODSIG 12 me; VALIDSIG F1 more F0; NEWSIG; ERRSIG 99; NO_PUBKEY 99",
    ],
)
def test_one_good_signature_is_enough(status: str) -> None:
    """Others' keys, which we weren't given, don't matter."""
    assert signer(_status(status)) == "F0"


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("NEWSIG; BADSIG 12 me", "isn't what was signed"),
        ("NEWSIG; GOODSIG 12; VALIDSIG F F; NEWSIG; BADSIG 13", "isn't what was signed"),
        ("NEWSIG; EXPKEYSIG 12 me; VALIDSIG F F", "a key that has expired"),
        ("NEWSIG; REVKEYSIG 12 me; VALIDSIG F F", "a key that was revoked"),
        ("NEWSIG; EXPSIG 12 me; VALIDSIG F F", "a signature that has expired"),
        ("NEWSIG; ERRSIG 12; NO_PUBKEY 12", "another OpenPGP key than the one given"),
        ("NEWSIG; GOODSIG 12; NEWSIG; EXPKEYSIG 13; VALIDSIG F F", "a key that has expired"),
        ("NEWSIG; GOODSIG 12", "^$"),
        ("NODATA 4", "^$"),
        ("", "^$"),
    ],
)
def test_anything_else_is_none(status: str, why: str) -> None:
    """A reason is told where gpgv tells one."""
    with pytest.raises(ValueError, match=why):
        signer(_status(status))
