"""Yes and no mean the same to everybody who reads them."""

import pytest

from osie.actions.disk import hints
from osie.actions.environment import Environment
from osie.contracts import kernel_parameters
from osie.contracts.flag import flag
from osie.worker import settings

WORDS = {"1": True, "TRUE": True, "Yes": True, "y": True, "on": True}
WORDS |= {"0": False, "False": False, "no": False, "N": False, "OFF": False}


@pytest.mark.parametrize(("word", "meant"), WORDS.items())
def test_a_word_means_the_same_everywhere(word: str, meant: bool) -> None:
    """To an action, a disk hint, the worker and the ramdisk."""
    assert flag(word) is meant
    assert Environment({"A": word}).flag("A") is meant
    assert hints.parse(f"rotational={word}")
    worker = {"WORKER_ID": "w", "TINKERBELL_GRPC_AUTHORITY": "10.0.0.1:42113", "TINKERBELL_TLS": word}
    assert settings.read(worker).tls is meant
    assert kernel_parameters.parse(f"tinkerbell_tls={word}").tls is meant


@pytest.mark.parametrize("word", ["", "maybe", "2", "tru", "yes please"])
def test_another_word_is_neither(word: str) -> None:
    """Whoever reads it decides what that means."""
    assert flag(word) is None
