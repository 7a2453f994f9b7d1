"""What the engine is asked for, for the worker's sake."""

import base64
import json

import pytest

from osie.contracts.kernel_parameters import parse
from osie.ramdisk.docker_api import Container, Docker
from osie.ramdisk.report import Reporter
from osie.ramdisk.worker_container import WorkerContainer


class _Engine(Docker):
    """Has no image, takes everything, and keeps what a pull showed."""

    shown = ""

    def has_image(self, _: str) -> bool:
        return False

    def pull(self, _: str, auth: str = "") -> None:
        self.shown = auth

    def container(self, _: str) -> Container | None:
        return None

    def create(self, name: str, spec: object) -> None:
        pass

    def start(self, name: str) -> None:
        pass


@pytest.mark.parametrize(
    ("registry", "image", "is_shown"),
    [
        ("reg.lan", "reg.lan/w:1", True),
        ("reg.lan", "docker.io/someone/worker:1", False),
        ("reg.lan", "someone/worker:1", False),
        ("", "someone/worker:1", True),
    ],
)
def test_the_password_is_shown_to_its_registry_only(registry: str, image: str, is_shown: bool) -> None:
    """registry_password= belongs to docker_registry=: the worker's image from elsewhere is pulled without."""
    engine = _Engine()
    asked_for = (
        f"docker_registry={registry} registry_username=u registry_password=p tink_worker_image={image}"
    )
    WorkerContainer(parse(asked_for), engine, Reporter()).start({}, "m")
    assert bool(engine.shown) == is_shown
    if is_shown:
        assert json.loads(base64.urlsafe_b64decode(engine.shown))["password"] == "p"
