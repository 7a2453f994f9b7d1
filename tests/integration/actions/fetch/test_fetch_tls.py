"""Images over HTTPS."""

import math
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from unruly import Answer, Unruly, unruly

from osie.actions.fetch.http import HttpSource
from osie.actions.fetch.mirror import Mirror
from osie.actions.fetch.patience import Patience
from osie.actions.fetch.source import SourceError
from osie.core.process import run

MIB = 1 << 20
BODY = os.urandom(5 * MIB + 3)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    run(["openssl", "req", "-x509", *kind, *names, *files])
    return folder / "certificate", folder / "key"


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[Unruly]:
    """A server that is told how to misbehave, over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with unruly(context) as running:
        yield running


def _fetched(url: str, connections: int = 1) -> bytes:
    patience = Patience(outage_s=20, stall_s=0.5, pause_s=0.02)
    source = HttpSource(
        [Mirror(url)], patience, lambda _line: None, connections=connections, fast_bytes_per_s=math.inf
    )
    try:
        return b"".join(source.chunks())
    finally:
        source.close()


@pytest.mark.parametrize("connections", [1, 3])
@pytest.mark.parametrize("then", ["close", "reset", "stall"])
def test_a_broken_tls_connection_is_taken_up(
    then: Literal["close", "reset", "stall"],
    connections: int,
    server: Unruly,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SSL_CERT_FILE names who is trusted; what breaks is taken up as without TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    served = server.serve(BODY, Answer(upto=3 * MIB, then=then), Answer())
    assert _fetched(served.url, connections) == BODY


def test_a_certificate_of_nobody_we_know_is_final(server: Unruly) -> None:
    """One try, and what is wrong."""
    served = server.serve(BODY)
    with pytest.raises(SourceError, match="its certificate isn't valid: self-signed"):
        _fetched(served.url)
    assert not served.requests


def test_a_redirect_out_of_tls_is_refused(
    server: Unruly, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asked for protection gets it all the way."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with unruly() as plain:
        served = server.serve(b"", Answer(status=302, location=plain.serve(BODY).url))
        with pytest.raises(SourceError, match="redirects from https to http://"):
            _fetched(served.url)
