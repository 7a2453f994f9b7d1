"""gpg with a folder and keys of its own."""

import subprocess
from pathlib import Path


class Gpg:
    """gpg with a folder of its own; `close` ends the agent that it started."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(mode=0o700)

    def __call__(self, *arguments: str, data: bytes = b"") -> bytes:
        options = ("--homedir", str(self.home), "--batch", "--quiet", "--pinentry-mode", "loopback")
        done = subprocess.run(
            ["gpg", *options, "--passphrase", "", *arguments], input=data, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def key(self, name: str, algorithm: str = "ed25519", *options: str) -> None:
        """Make a key pair that signs."""
        self(*options, "--quick-generate-key", name, algorithm, "sign", "0")

    def sign(self, *options: str, data: bytes) -> bytes:
        """A detached signature."""
        return self(*options, "--detach-sign", data=data)

    def close(self) -> None:
        """End the agent of this folder."""
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "gpg-agent"], check=True)
