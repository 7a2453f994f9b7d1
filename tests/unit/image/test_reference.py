"""Names of images: what Docker and Podman store them as."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.image.reference import Reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("alpine:3", "docker.io/library/alpine:3", "alpine:3"),
        ("osie/tool:1", "docker.io/osie/tool:1", "osie/tool:1"),
        ("docker.io/alpine:3", "docker.io/library/alpine:3", "alpine:3"),
        ("index.docker.io/library/alpine:3", "docker.io/library/alpine:3", "alpine:3"),
        ("localhost/tool", "localhost/tool:latest", "localhost/tool:latest"),
        ("10.0.0.1:5000/a/b:c", "10.0.0.1:5000/a/b:c", "10.0.0.1:5000/a/b:c"),
        (f"quay.io/a@{DIGEST}", f"quay.io/a@{DIGEST}", f"quay.io/a@{DIGEST}"),
        (f"a:1@{DIGEST}", f"docker.io/library/a:1@{DIGEST}", f"a:1@{DIGEST}"),
    ],
)
def test_a_short_name_stands_for_a_long_one(text: str, canonical: str, familiar: str) -> None:
    """Docker Hub, its `library` and `latest` go without saying. Podman stores all, Docker `latest` only."""
    name = Reference.parse(text)
    assert (name.canonical, name.familiar) == (canonical, familiar)


def test_a_name_with_tag_and_digest_is_stored_under_either() -> None:
    """Engines look for the digest alone where a name has both."""
    stored = [name.familiar for name in Reference.parse(f"quay.io/a:1@{DIGEST}").stored]
    assert stored == ["quay.io/a:1", f"quay.io/a@{DIGEST}"]
    assert [name.familiar for name in Reference.parse(f"quay.io/a@{DIGEST}").stored] == [stored[1]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Alpine", "'library/Alpine' is not a repository"),
        ("a:", "'' is not a tag"),
        ("a: b", "' b' is not a tag"),
        ("a@sha256:1", "'sha256:1' is not a digest"),
        ("https://quay.io/a", "is not a"),
        ("quay..io/a", "is not a registry"),
        ("", "is not a repository"),
        ("a/" * 130 + "a", "longer than 255"),
    ],
)
def test_what_is_no_name_is_told(text: str, why: str) -> None:
    """Which part of it is wrong, and what it should be."""
    with pytest.raises(ValueError, match=why):
        Reference.parse(text)


REGISTRIES = st.sampled_from(["", "docker.io/", "quay.io/", "localhost/", "10.0.0.1:5000/"])
WORDS = st.lists(st.text("ab0", min_size=1, max_size=3), min_size=1, max_size=3).map("-".join)
TAGS = st.one_of(st.just(""), WORDS.map(lambda word: f":{word}"))


@given(REGISTRIES, st.lists(WORDS, min_size=1, max_size=4).map("/".join), TAGS)
def test_both_forms_mean_the_same(registry: str, path: str, tag: str) -> None:
    """What Podman stores and what Docker stores are read as the same name again."""
    name = Reference.parse(registry + path + tag)
    assert Reference.parse(name.canonical) == Reference.parse(name.familiar) == name
