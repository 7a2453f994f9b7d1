"""Upstream's server, with the API server and etcd that are built into it, as processes of the tests."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

TOKEN = "interop"
START_S = 300.0
API_PORT, GRPC_PORT, HTTP_PORT = 36443, 38113, 37080  # etcd's are its usual 2379 and 2380
OFF = ("smee", "tootles", "rufio-controller", "secondstar", "ui")
PLURALS = {"Hardware": "hardware", "Template": "templates", "Workflow": "workflows"}


class Theirs:
    """Upstream's server; resources go in and out by Kubernetes' API."""

    def __init__(self) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self._client = httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{API_PORT}",
            headers=headers,
            verify=False,  # noqa: S501 - its certificate is made when it starts
            trust_env=False,
        )

    async def __aenter__(self) -> "Theirs":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def apply(self, *documents: dict[str, Any]) -> None:
        """Create them."""
        for document in documents:
            place = f"/apis/tinkerbell.org/v1alpha1/namespaces/default/{PLURALS[document['kind']]}"
            answer = await self._client.post(place, json=document)
            assert answer.status_code == 201, answer.text

    async def clear(self) -> None:
        """Delete everything."""
        for plural in PLURALS.values():
            place = f"/apis/tinkerbell.org/v1alpha1/namespaces/default/{plural}"
            assert (await self._client.delete(place)).status_code == 200

    async def delete_workflow(self, name: str) -> None:
        """Delete one workflow."""
        place = f"/apis/tinkerbell.org/v1alpha1/namespaces/default/workflows/{name}"
        assert (await self._client.delete(place)).status_code == 200

    async def status(self, name: str) -> dict[str, Any]:
        """A workflow's status."""
        place = f"/apis/tinkerbell.org/v1alpha1/namespaces/default/workflows/{name}"
        status: dict[str, Any] = (await self._client.get(place)).json().get("status", {})
        return status


def _files(folder: Path) -> None:
    """What the API server wants: a key for service accounts, who may do what, and how to reach it."""
    subprocess.run(
        ["openssl", "genrsa", "-out", folder / "accounts.pem", "2048"], check=True, capture_output=True
    )
    (folder / "tokens.csv").write_text(f"{TOKEN},interop,1,system:masters\n")
    server = {"server": f"https://127.0.0.1:{API_PORT}", "insecure-skip-tls-verify": True}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "interop",
        "clusters": [{"name": "interop", "cluster": server}],
        "users": [{"name": "interop", "user": {"token": TOKEN}}],
        "contexts": [{"name": "interop", "context": {"cluster": "interop", "user": "interop"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))


def _api_argv(program: str, folder: Path) -> list[str]:
    """The program as API server and etcd."""
    return [
        program,
        *(f"--enable-{name}=false" for name in (*OFF, "tink-server", "tink-controller")),
        "--bind-address=127.0.0.1",
        f"--http-port={HTTP_PORT}",
        f"--backend-kube-config={folder / 'kubeconfig'}",
        f"--etcd-dir={folder / 'etcd'}",
        "--etcd-servers=http://127.0.0.1:2379",
        "--kube-apiserver-bind-address=127.0.0.1",
        f"--secure-port={API_PORT}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-key-file={folder / 'accounts.pem'}",
        f"--service-account-signing-key-file={folder / 'accounts.pem'}",
        "--service-account-issuer=api",
    ]


def _server_argv(program: str, folder: Path) -> list[str]:
    """The program as tink's server and controller."""
    return [
        program,
        "--enable-embedded-etcd=false",
        "--enable-embedded-kube-apiserver=false",
        *(f"--enable-{name}=false" for name in OFF),
        "--bind-address=127.0.0.1",
        f"--http-port={HTTP_PORT + 1}",
        f"--tink-server-bind-port={GRPC_PORT}",
        f"--backend-kube-config={folder / 'kubeconfig'}",
        "--backend-kube-namespace=default",
    ]


def _api_answers() -> bool:
    """Whether the API server does."""
    place = f"https://127.0.0.1:{API_PORT}/readyz"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        answer = httpx.get(place, headers=headers, verify=False, trust_env=False)  # noqa: S501 - as above
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


def _server_answers() -> bool:
    """Whether the server does: it listens when it has made its resources known to the API server."""
    try:
        socket.create_connection(("127.0.0.1", GRPC_PORT), 5).close()
    except OSError:
        return False
    return True


@contextmanager
def _process(argv: list[str], log: Path, answers: Callable[[], bool]) -> Iterator[None]:
    """Run a process within the block. Parts of it end it where others are slow to start: it is begun anew."""
    deadline = time.monotonic() + START_S
    process = None
    try:
        while not answers():
            if process is None or process.poll() is not None:
                with log.open("ab") as output:
                    process = subprocess.Popen(
                        ["setpriv", "--pdeathsig", "KILL", *argv], stdout=output, stderr=output
                    )
            if time.monotonic() > deadline:
                pytest.fail(f"in vain, after {START_S} s: {argv[0]}\n{log.read_text()[-6000:]}")
            time.sleep(1)
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


@contextmanager
def running(program: str, folder: Path) -> Iterator[None]:
    """Upstream's server, ready, within the block."""
    _files(folder)
    with (
        _process(_api_argv(program, folder), folder / "api.log", _api_answers),
        _process(_server_argv(program, folder), folder / "server.log", _server_answers),
    ):
        yield
