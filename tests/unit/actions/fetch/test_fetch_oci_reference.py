"""Names of images in registries, and what manifests say."""

import json
from typing import Any

import pytest

from osie.actions.fetch.oci_reference import Reference, chosen_manifest, disk_layer
from osie.actions.fetch.source import SourceError

SHA = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("192.168.0.173/test/debian:raw.gz", "https://192.168.0.173/v2/test/debian/manifests/raw.gz"),
        ("registry.example/debian", "https://registry.example/v2/debian/manifests/latest"),
        ("localhost:5000/a/b:1", "http://localhost:5000/v2/a/b/manifests/1"),
        ("127.0.0.1/a:1", "http://127.0.0.1/v2/a/manifests/1"),
        ("[::1]:5000/a:1", "http://[::1]:5000/v2/a/manifests/1"),
        ("http://10.0.0.1:5000/a:1", "http://10.0.0.1:5000/v2/a/manifests/1"),
        ("https://localhost/a:1", "https://localhost/v2/a/manifests/1"),
        ("oci://host:5000/a:1", "https://host:5000/v2/a/manifests/1"),
        (f"registry.example/a:tag@{SHA}", f"https://registry.example/v2/a/manifests/{SHA}"),
    ],
)
def test_a_reference_names_a_manifest(text: str, url: str) -> None:
    """As containerd and oras read it; a digest stands above a tag; this machine's registry speaks http."""
    reference = Reference.parse(text)
    assert reference.url("manifests", reference.wanted) == url


@pytest.mark.parametrize(
    "text", ["", "debian", "library/debian:1", "host.example/UPPER:1", "h.e/a:b/c", "h.e/a@sha256:0"]
)
def test_what_names_no_registry_is_refused(text: str) -> None:
    """No registry is assumed."""
    with pytest.raises(SourceError, match="names no image"):
        Reference.parse(text)


def _layer(title: str, **more: object) -> dict[str, Any]:
    return {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": SHA,
        "size": 7,
        "annotations": {"org.opencontainers.image.title": title},
        **more,
    }


def _manifest(**document: object) -> bytes:
    return json.dumps(document).encode()


def test_the_only_layer_is_the_image() -> None:
    """Whatever its media type says."""
    assert disk_layer(_manifest(layers=[_layer("debian.raw.gz")]), "x").size == 7


def test_several_layers_are_listed() -> None:
    """With names and sizes, so that the right one can be pushed by itself."""
    with pytest.raises(SourceError, match=r"there are 2: disk\.raw \(7 bytes, sha256:0+\), README"):
        disk_layer(_manifest(layers=[_layer("disk.raw"), _layer("README")]), "x")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"layers": 3}',
        b'{"layers": [{}]}',
        b'{"layers": [3]}',
        _manifest(layers=[_layer("", size="7")]),
    ],
)
def test_a_broken_manifest_is_an_error(content: bytes) -> None:
    """One clear line, never a traceback."""
    with pytest.raises(SourceError, match="manifest"):
        disk_layer(content, "x")


def _entry(architecture: str, digit: str) -> dict[str, object]:
    platform = {"architecture": architecture, "os": "linux"}
    return {"digest": f"sha256:{digit * 64}", "size": 9, "platform": platform}


def test_of_an_index_the_machines_architecture_is_taken() -> None:
    """And a single manifest, whatever it is for; never one of several."""
    both = _manifest(manifests=[_entry("arm64", "1"), _entry("amd64", "2")])
    chosen = chosen_manifest(both, "amd64", "x")
    assert chosen is not None
    assert chosen.digest == f"sha256:{'2' * 64}"
    assert chosen_manifest(_manifest(manifests=[_entry("", "3")]), "amd64", "x") is not None
    with pytest.raises(SourceError, match="not exactly one manifest for riscv64: there are arm64"):
        chosen_manifest(both, "riscv64", "x")
    assert chosen_manifest(_manifest(layers=[]), "amd64", "x") is None
