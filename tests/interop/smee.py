"""Upstream's Smee, which netboots machines: alone in its program, with machines from a file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_OFF = ("tink-server", "tink-controller", "tootles", "rufio-controller", "secondstar", "ui")
_NO_CLUSTER = ("embedded-etcd", "embedded-kube-apiserver", "crd-migrations")


def command(
    program: str, folder: Path, machines: Sequence[dict[str, Any]], address: str, port: int, *options: str
) -> list[str]:
    """The program as Smee alone, with these Hardware resources; HTTP is at the address and port."""
    known = folder / "smee-hardware.yaml"
    known.write_text(json.dumps(list(machines)))  # a list, other than for Kubernetes
    return [
        program,
        *(f"--enable-{name}=false" for name in (*_OFF, *_NO_CLUSTER)),
        *("--backend=file", f"--backend-file-path={known}"),
        *(f"--public-ipv4={address}", f"--bind-address={address}", f"--http-port={port}"),
        *options,
    ]
