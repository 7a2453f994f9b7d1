"""A list of digests names the one of our file, or says why it can't."""

import contextlib
import hashlib
import shutil
import subprocess
from pathlib import Path

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
        (f"{A}\n{B}", "several sha256 digests and no names"),
        (f"{A}\n{B}  j.raw", "no line for i.raw, but 1 for other files, and 1 without a name"),
        (f"sha512:{A}", "no list of"),
        (f"SHA512/256 (i.raw) = {A}", "no list of"),
        (f"SHA256 (i.raw) = {LONG}", "no list of"),
        (f"{'a' * 65}  i.raw", "no list of"),
    ],
)
def test_what_doesnt_help_says_why(text: str, told: str) -> None:
    """No match, several, or no list at all: one sentence."""
    with pytest.raises(ValueError, match=told):
        sums.find(text.encode(), ["i.raw"])


@pytest.mark.parametrize(
    "text",
    [
        A, f"{A}\n", f"\n{A.upper()}\r\n", f"sha256:{A}", f"{A}  -", f"{A} *-", f"SHA2-256(stdin)= {A}",
        f"(stdin)= {A}", f"{A}\n{LONG}\n", f"# of the image\n{A}",
    ],
)  # fmt: skip
def test_a_digest_without_a_name_is_the_images(text: str) -> None:
    """image.raw.sha256 of many projects: the digest and nothing else, or of what came through a pipe."""
    assert str(sums.find(text.encode(), ["i.raw"])) == f"sha256:{A}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        f"{A}\ti.raw", f"{A} i.raw", f"{A} *i.raw", f"{A}    i.raw", f"sha256:{A}  i.raw", f"\\{A}  i.raw",
        f"SHA2-256(i.raw)= {A}", f"SHA256(dir/i.raw)= {A}", f"SHA2-512(i.raw)= {LONG}\nSHA2-256(i.raw)= {A}",
        f"SHA256 hash of C:\\x\\i.raw:\r\n{A}\r\nCertUtil: -hashfile command completed successfully.",
        f"SHA256 hash of file i.raw:\r\n{' '.join([A[:2]] * 32)}\r\nCertUtil: -hashfile command completed.",
        f"\r\nAlgorithm : SHA256\r\nHash      : {A.upper()}\r\nPath      : C:\\Users\\me\\i.raw\r\n\r\n",
        f"Algorithm     Hash     Path\n---------     ----     ----\nSHA256        {A}     C:\\x\\i.raw",
    ],
    ids=repr,
)  # fmt: skip
def test_what_other_programs_write_is_read(text: str, encoding: str) -> None:
    """A tab, one blank, openssl's new name, a prefix, PowerShell and certutil, from Unix or from Windows."""
    others = f"{B}  j.raw\n".encode(encoding)
    assert str(sums.find(text.encode(encoding), ["i.raw"])) == f"sha256:{A}"
    assert str(sums.find(others + f"\n{text}".encode(encoding.replace("-sig", "").replace("16", "16-le")),
                         ["i.raw"])) == f"sha256:{A}"  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        ["sha256sum"], ["sha256sum", "--binary"], ["sha256sum", "--tag"], ["sha512sum"],
        ["openssl", "dgst", "-sha256"], ["openssl", "dgst", "-sha512"], ["openssl", "dgst", "-sha256", "-r"],
        ["shasum", "-a", "256"], ["busybox", "sha256sum"],
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("name", ["i.raw", "an image (1).raw", "back\\slash.raw", "ümlaut.raw"])
@pytest.mark.parametrize("piped", [False, True])
def test_the_programs_own_output_is_read(command: list[str], name: str, piped: bool, tmp_path: Path) -> None:
    """Whatever they are given: a file by its path, whose name has blanks and brackets, or a pipe."""
    assert shutil.which(command[0]), f"{command[0]} is missing: see debian-packages-dev.txt"
    image = tmp_path / name
    image.write_bytes(b"image")
    given = ["-"] if piped and command[0] == "busybox" else [] if piped else [str(image)]
    with image.open("rb") as file:
        document = subprocess.run([*command, *given], stdin=file, capture_output=True, check=True).stdout
    found = sums.find(document, [name])
    assert found.hexdigest == hashlib.new(found.algorithm, b"image").hexdigest()


def test_the_first_name_that_is_listed_counts() -> None:
    """The raw image may be listed by its own name, or by its archive's."""
    assert sums.find(f"{A}  i.raw\n{B}  i.raw.xz".encode(), ["i.raw", "i.raw.xz"]) == Checksum("sha256", A)
    assert sums.find(f"{B}  i.raw.xz".encode(), ["i.raw", "i.raw.xz"]) == Checksum("sha256", B)


@given(st.binary() | st.text().map(lambda text: f"{A}  {text}".encode()))
def test_no_bytes_break_the_reader(document: bytes) -> None:
    """Any bytes give a digest or a ValueError."""
    with contextlib.suppress(ValueError):
        sums.find(document, ["i.raw"])
