"""What the server's config does to an action on its way out."""

import pytest

from osie.tink.domain import known_images
from osie.tink.domain.workflow import Action
from osie.tink.service.rewriting import Rewriting


def test_the_longest_prefix_wins() -> None:
    """The more specific of two rules counts, whichever was written first; others' images stay."""
    rewriting = Rewriting({"quay.io/": "r/", "quay.io/actions/": "r/osie/"})
    images = {"quay.io/actions/a": "r/osie/a", "quay.io/b": "r/b", "docker.io/c": "docker.io/c"}
    assert {name: rewriting.image(name) for name in images} == images


def test_short_names_are_docker_hubs() -> None:
    """A rule for Docker Hub holds for names that leave it out, one for a short name goes on to hold."""
    rewriting = Rewriting({"docker.io/library/": "r/lib/", "docker.io/": "r/hub/"})
    images = {
        "alpine:3": "r/lib/alpine:3",
        "alpine@sha256:00": "r/lib/alpine@sha256:00",
        "docker.io/library/alpine": "r/lib/alpine",
        "org/tool:1": "r/hub/org/tool:1",
        "localhost/tool": "localhost/tool",
        "host:5000/tool": "host:5000/tool",
        "quay.io/org/tool": "quay.io/org/tool",
    }
    assert {name: rewriting.image(name) for name in images} == images
    assert Rewriting({"alpine": "r/own"}).image("alpine:3") == "r/own:3"
    assert Rewriting({"quay.io/": "r/"}).image("alpine:3") == "alpine:3"


@pytest.mark.parametrize(
    ("environment", "handed"),
    [
        (
            ("IMAGE=quay.io/tinkerbell/actions/kexec:latest", "WAIT_SECONDS=5"),
            "r/tinkerbell/actions/kexec:latest",
        ),
        (("IMAGE=quay.io/tinkerbell/actions/kexec",), "r/tinkerbell/actions/kexec"),
        (("IMAGE=docker.io/others/kexec",), "ghcr.io/jacobweinstock/waitdaemon:latest"),
        (("IMAGE=quay.io/alpine",), "ghcr.io/jacobweinstock/waitdaemon:latest"),
        ((), "ghcr.io/jacobweinstock/waitdaemon:latest"),
    ],
)
def test_our_kexec_waits_for_nothing(environment: tuple[str, ...], handed: str) -> None:
    """A kexec that waitdaemon would start is handed out itself where it is ours; whatever else it starts
    stays what the template says.
    """
    action = Action("1", "a", "ghcr.io/jacobweinstock/waitdaemon:latest", 0, environment=environment)
    given = Rewriting({"quay.io/": "r/"}).of(action)
    assert (given.image, given.environment) == (handed, environment)


@pytest.mark.parametrize(
    ("image", "environment", "expected"),
    [
        ("quay.io/tinkerbell/actions/kexec:latest", (), True),
        ("host:5000/actions/reboot@sha256:00", (), True),
        ("kexec", (), True),
        ("ghcr.io/jacobweinstock/waitdaemon:v1", ("A=b", "IMAGE=x/kexec:1"), True),
        ("ghcr.io/jacobweinstock/waitdaemon:v1", ("IMAGE=alpine",), False),
        ("x/kexec/tool:kexec", ("IMAGE=kexec",), False),
    ],
)
def test_which_images_take_their_machine_down(
    image: str, environment: tuple[str, ...], expected: bool
) -> None:
    """kexec and reboot, by their names, and what starts them later."""
    assert known_images.takes_down(image, environment) is expected


def test_no_template_may_unsay_the_policy() -> None:
    """REQUIRE_VERIFIED is the server's word, whatever the action had; the rest of it stays."""
    action = Action("1", "a", "i", 0, environment=("REQUIRE_VERIFIED=no", "A=b"))
    assert Rewriting(require_verified=True).of(action).environment == ("A=b", "REQUIRE_VERIFIED=true")
    assert Rewriting().of(action) == action
