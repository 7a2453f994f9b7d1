"""What the server's config does to an action on its way out."""

from osie.tink.rewriting import Rewriting
from osie.tink.workflow import Action


def test_the_longest_prefix_wins() -> None:
    """The more specific of two rules counts, whichever was written first; others' images stay."""
    rewriting = Rewriting({"quay.io/": "r/", "quay.io/actions/": "r/osie/"})
    images = {"quay.io/actions/a": "r/osie/a", "quay.io/b": "r/b", "docker.io/c": "docker.io/c"}
    assert {name: rewriting.image(name) for name in images} == images


def test_no_template_may_unsay_the_policy() -> None:
    """REQUIRE_VERIFIED is the server's word, whatever the action had; the rest of it stays."""
    action = Action("1", "a", "i", 0, environment=("REQUIRE_VERIFIED=no", "A=b"))
    assert Rewriting(require_verified=True).of(action).environment == ("A=b", "REQUIRE_VERIFIED=true")
    assert Rewriting().of(action) == action
