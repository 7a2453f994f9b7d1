"""The kernel's command line, as the firmware and the boot loader left it."""

from pathlib import Path

from osie.contracts.kernel_parameters import parse
from osie.ramdisk.__main__ import command_line


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Latin-1 in one parameter leaves the others as they are."""
    (tmp_path / "cmdline").write_bytes(b"facility=caf\xe9 grpc_authority=10.0.0.1:42113\n")
    assert parse(command_line(tmp_path / "cmdline")).grpc_authority == "10.0.0.1:42113"
