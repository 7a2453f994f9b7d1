"""What actions ask of their machine."""

from pathlib import Path

from osie.contracts import requests


def test_what_an_action_asks_for(tmp_path: Path) -> None:
    """A file in the shared folder; a kexec that was prepared counts, whoever else asks for a reboot."""
    assert requests.made(tmp_path / "none") == ""
    assert requests.made(tmp_path) == ""
    (tmp_path / "reboot").touch()
    assert requests.made(tmp_path) == "reboot"
    (tmp_path / "kexec").touch()
    assert requests.made(tmp_path) == "kexec"
