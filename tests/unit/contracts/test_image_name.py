"""Names of images, and who is shown a password."""

import pytest

from osie.contracts import image_name


@pytest.mark.parametrize(
    ("image", "full", "registry"),
    [
        ("alpine", "alpine:latest", "docker.io"),
        ("quay.io/a/b", "quay.io/a/b:latest", "quay.io"),
        ("10.0.0.1:5000/a", "10.0.0.1:5000/a:latest", "10.0.0.1:5000"),
        ("localhost/a:1", "localhost/a:1", "localhost"),
        ("a/b@sha256:00", "a/b@sha256:00", "docker.io"),
    ],
)
def test_image_names(image: str, full: str, registry: str) -> None:
    """A short name stands for its latest tag; the registry is read as engines read it."""
    assert image_name.with_tag(image) == full
    assert image_name.registry(image) == registry


def test_credentials_go_to_their_registry_only() -> None:
    """A password is shown to no other registry than its own, and never printed."""
    credentials = image_name.Credentials("reg.example:5000", "user", "secret")
    assert credentials.for_image("reg.example:5000/a") == {
        "username": "user",
        "password": "secret",
        "serveraddress": "reg.example:5000",
    }
    assert credentials.for_image("quay.io/a") is None
    assert image_name.Credentials("", "", "").for_image("alpine") is None
    assert "secret" not in repr(credentials)
