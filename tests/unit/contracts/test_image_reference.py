"""Names of images: what Docker and Podman store them as."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.contracts import image_name
from osie.contracts.image_reference import Reference

TABLE = Path(__file__).with_name("docker_image_names.tsv")

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
        ("Alpine", "'Alpine' is not a repository"),
        ("a:", "'' is not a tag"),
        ("a: b", "' b' is not a tag"),
        ("a@sha256:1", "'sha256:1' is not a digest"),
        ("https://quay.io/a", "https:// does not belong"),
        ("quay.io/Tools/a", "'Tools/a' is not a repository"),
        ("a@sha256:" + "A" * 64, "in lower case"),
        ("0" * 64, "an image's id"),
        ("quay..io/a", "is not a registry"),
        ("", "is not a repository"),
        ("a/" * 130 + "a", "longer than 255"),
    ],
)
def test_what_is_no_name_is_told(text: str, why: str) -> None:
    """Which part of it is wrong, and what it should be."""
    with pytest.raises(ValueError, match=why):
        Reference.parse(text)


def test_docker_takes_and_refuses_the_same_names() -> None:
    """Each name of the table, made with Docker's own parser, is refused or means the same as there.

    Only a host's name with an underscore is none here: RFC 1123 has none, and Docker takes it for a folder's.
    """
    rows = [line.split("\t") for line in TABLE.read_text().splitlines()]
    assert len(rows) > 400
    assert {name for name, full in rows if _full(name) != full} == {"r_g.io/a:1", "r_g.io/osie/tool:1"}


def _full(name: str) -> str:
    try:
        return Reference.parse(name).canonical
    except ValueError:
        return ""


@given(st.text("aA0.:/@_-[]", max_size=30))
def test_what_is_taken_is_read_again_as_the_same(text: str) -> None:
    """Any text is refused with a sentence, or its full name is a name and means the same."""
    full = _full(text)
    assert not full or _full(full) == full


@given(st.text("aA0.:/@_-[]", min_size=1, max_size=30))
def test_the_registry_is_read_as_the_ramdisk_reads_it(text: str) -> None:
    """The worker's password goes to the registry that the name leads to by the whole grammar."""
    if _full(text):
        assert image_name.registry(text) == Reference.parse(text).registry


REGISTRIES = st.sampled_from(["", "docker.io/", "quay.io/", "localhost/", "10.0.0.1:5000/"])
WORDS = st.lists(st.text("ab0", min_size=1, max_size=3), min_size=1, max_size=3).map("-".join)
TAGS = st.one_of(st.just(""), WORDS.map(lambda word: f":{word}"))


@given(REGISTRIES, st.lists(WORDS, min_size=1, max_size=4).map("/".join), TAGS)
def test_both_forms_mean_the_same(registry: str, path: str, tag: str) -> None:
    """What Podman stores and what Docker stores are read as the same name again."""
    name = Reference.parse(registry + path + tag)
    assert Reference.parse(name.canonical) == Reference.parse(name.familiar) == name
