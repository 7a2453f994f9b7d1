"""The tink-worker's container: its image, its specification, and keeping it running."""

import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from osie.contracts.artifacts import EMBEDDED_WORKER
from osie.contracts.docker_engine import auth_header
from osie.contracts.image_name import Credentials
from osie.contracts.kernel_parameters import KernelParameters
from osie.core.errors import OsieError
from osie.ramdisk import waiting
from osie.ramdisk.docker_api import Container, Docker, EngineError
from osie.ramdisk.report import Facts, Reporter

NAME = "tink-worker"
_IMAGE_LABEL = "osie.image"  # what was asked for: engines tell names in forms of their own
_STOP_S = 10
_LAST_STOP_S = 28  # the worker has the end of the action to report that asked for it
_ENGINE_AWAY = "the engine is away"


def identified(parameters: KernelParameters, boot_mac: str) -> KernelParameters:
    """The parameters with an identity: the boot NIC's MAC where none was given."""
    return parameters if parameters.identity else parameters._replace(worker_id=boot_mac)


def specification(image: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What the engine is asked to create."""
    return {
        "Image": image,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Labels": {"osie.part": "worker", _IMAGE_LABEL: image},
        "StopTimeout": _STOP_S,
        "HostConfig": {
            "Privileged": True,
            "NetworkMode": "host",
            "Binds": [
                "/worker:/worker",
                "/var/run/docker.sock:/var/run/docker.sock",
                "/dev:/dev",
                "/run:/run",
            ],
        },
    }


class WorkerContainer:
    """The worker on this machine's engine."""

    def __init__(self, parameters: KernelParameters, docker: Docker, reporter: Reporter) -> None:
        self._parameters = parameters
        self._docker = docker
        self._reporter = reporter
        self._stopping = threading.Event()

    @property
    def image(self) -> str:
        """The image's name: the one asked for, else the embedded one."""
        return self._parameters.tink_worker_image or EMBEDDED_WORKER

    def start(self, facts: Facts, boot_mac: str, *, anew: bool = False) -> None:
        """Have the image, create the container where it lacks or differs, start it.

        `anew`: also where there is one. An engine that was started again has a new socket; a container that
        outlived the old engine has the old one's mounted.
        """
        if self._parameters.tink_worker_image:
            self._pull()
        elif not self._docker.has_image(EMBEDDED_WORKER):
            raise OsieError(
                "the engine doesn't have the embedded worker, and tink_worker_image= names no other",
                hint="give tink_worker_image=, or build the ramdisk again",
            )
        parameters = identified(self._parameters, boot_mac)
        spec = specification(self.image, parameters.worker_environment())
        existing = self._docker.container(NAME)
        if existing is not None and (anew or not self._matches(existing, spec)):
            self._docker.remove(NAME)
            existing = None
        if existing is None:
            self._docker.create(NAME, spec)
        self._docker.start(NAME)
        facts.update(image=self.image, id=parameters.identity)

    def _matches(self, existing: Container, spec: Mapping[str, Any]) -> bool:
        asked_for = existing.labels.get(_IMAGE_LABEL)
        return asked_for == spec["Image"] and set(spec["Env"]) <= set(existing.environment)

    def _pull(self) -> None:
        if self._docker.has_image(self.image):
            return
        given = self._parameters
        own = Credentials(given.docker_registry, given.registry_username, given.registry_password)
        shown = own.for_image(self.image)
        try:
            self._docker.pull(self.image, auth_header(shown) if shown else "")
        except EngineError as error:
            raise OsieError(
                f"the worker's image {self.image} can't be pulled",
                hint="is its registry reachable from here, in insecure_registries= if it has no TLS, and are "
                "docker_registry=, registry_username= and registry_password= right? They are shown to that "
                "registry only.",
            ) from error

    def follow(self) -> str:
        """Say what the worker says, until it ends; return why it did."""
        last = ""
        try:
            for last in self._docker.log_lines(NAME, since_unix_s=int(time.time())):
                self._reporter.say(f"worker: {last}")
            ended = self._docker.container(NAME)
        except EngineError:
            return _ENGINE_AWAY
        if ended is None:
            return "its container was removed"
        if ended.running:
            return ""
        return f"it ended with exit code {ended.exit_code}: {ended.error or last or 'it said nothing'}"

    def keep_running(self, boot_mac: str) -> None:
        """Start it again, with growing pauses, whenever it ends. Returns once `stop` was called."""
        restarts = waiting.Restarts()
        while True:
            began = time.monotonic()
            why = self.follow()
            if self._stopping.is_set():
                return
            if not why:
                continue  # only its log broke off
            pause = restarts.pause_s(time.monotonic() - began)
            self._reporter.event("worker-ended", reason=why, again_in_s=pause)
            if self._stopping.wait(pause):
                return
            waiting.until(self._docker.answers, deadline_s=300.0, every_s=0.5)
            again = partial(self.start, boot_mac=boot_mac, anew=why == _ENGINE_AWAY)
            self._reporter.persist("worker", again)

    def stop(self) -> None:
        """End the worker for good, since the machine goes down."""
        self._stopping.set()
        self._docker.stop(NAME, _LAST_STOP_S)
