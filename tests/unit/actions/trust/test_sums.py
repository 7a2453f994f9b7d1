"""A list of digests names the one of our file, or says why it can't."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.trust import sums
from osie.actions.trust.checksum import Checksum

A, B = "a" * 64, "b" * 64
LONG = "c" * 128


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (f"{A}  i.raw\n{B}  j.raw\n", f"sha256:{A}"),
        (f"{A} *i.raw", f"sha256:{A}"),
        (f"{A.upper()}  ./images/i.raw\r\n", f"sha256:{A}"),
        (f"# made today\n\nSHA256 (i.raw) = {A}\nSHA256 (j.raw) = {B}", f"sha256:{A}"),
        (f"SHA512 (i.raw) = {LONG}", f"sha512:{LONG}"),
        (f"{LONG}  i.raw", f"sha512:{LONG}"),
        (f"{LONG}  i.raw\n{A}  i.raw", f"sha256:{A}"),
        (f"{A}  i.raw\n{A}  i.raw", f"sha256:{A}"),
        (f"{B}  x-i.raw\n{B}  i.raw.sig\n{A}  i.raw", f"sha256:{A}"),
        (f"MD5 (i.raw) = {'0' * 32}\nSHA256 (i.raw) = {A}", f"sha256:{A}"),
        (f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{A}  i.raw\n", f"sha256:{A}"),
    ],
)
def test_the_line_of_our_file_is_found(text: str, digest: str) -> None:
    """In GNU's and in BSD's form, in whatever company."""
    assert str(sums.find(text.encode(), ["i.raw"])) == digest


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{A}  j.raw\n{B}  k.raw", "no line for i.raw, but 2 for other files"),
        (f"{A}  i.raw\n{B}  other/i.raw", "several sha256 digests for i.raw"),
        ("", "no list of SHA-256 or SHA-512 digests"),
        (f"{'0' * 32}  i.raw", "no list of"),
        ("<!DOCTYPE html><html>", "no list of"),
        (f"SHA256 (i.raw) = {LONG}", "no list of"),
        (f"{'a' * 65}  i.raw", "no list of"),
    ],
)
def test_what_doesnt_help_says_why(text: str, told: str) -> None:
    """No match, several, or no list at all: one sentence."""
    with pytest.raises(ValueError, match=told):
        sums.find(text.encode(), ["i.raw"])


def test_the_first_name_that_is_listed_counts() -> None:
    """The raw image may be listed by its own name, or by its archive's."""
    assert sums.find(f"{A}  i.raw\n{B}  i.raw.xz".encode(), ["i.raw", "i.raw.xz"]) == Checksum("sha256", A)
    assert sums.find(f"{B}  i.raw.xz".encode(), ["i.raw", "i.raw.xz"]) == Checksum("sha256", B)


@given(st.binary() | st.text().map(lambda text: f"{A}  {text}".encode()))
def test_no_bytes_break_the_reader(document: bytes) -> None:
    """Any bytes give a digest or a ValueError."""
    with contextlib.suppress(ValueError):
        sums.find(document, ["i.raw"])
