"""What init starts: from the kernel parameters to a running worker, then watching over it.

It may die at any moment: init starts it again, and each step takes over what is already there.
"""

import contextlib
import os
import threading
import time
from pathlib import Path

from osie import __version__
from osie.contracts import requests
from osie.contracts.kernel_parameters import KernelParameters, parse
from osie.core.disk_space import disk_space
from osie.core.errors import OsieError, chain
from osie.ramdisk import (
    clock,
    console,
    daemon,
    devices,
    dhcp,
    drivers,
    engine,
    machine,
    memory,
    nat,
    nic,
    storage,
    syslog,
    waiting,
)
from osie.ramdisk import reboot as rebooting
from osie.ramdisk.background import Background
from osie.ramdisk.docker_api import Docker
from osie.ramdisk.kernel_log import KernelLog
from osie.ramdisk.network import Network, NetworkStep
from osie.ramdisk.program import STORAGE
from osie.ramdisk.report import Reporter
from osie.ramdisk.worker_container import WorkerContainer, identified

_WATCH_S = 0.5
_STARTED = Path("/run/osie/started")  # an earlier run of ours got past the devices


class Boot:
    """The steps, and what they hand to each other."""

    def __init__(self, reporter: Reporter, parameters: KernelParameters) -> None:
        self._reporter = reporter
        self._parameters = parameters
        self.docker = Docker()
        self._engine = engine.Engine(parameters, self.docker)
        self.worker = WorkerContainer(parameters, self.docker, reporter)
        self._engine_is_up = threading.Event()
        self._devices_are_settled = threading.Event()

    def run(self) -> None:
        """Everything up to the running worker, then keep it running.

        The engine takes longest. It needs neither drivers nor the network, so these come up beside it, and
        the network beside the round over all devices.
        """
        with self._reporter.step("devices") as facts:
            devices.mount()
            threading.Thread(target=self._keep_engine, name="engine", daemon=True).start()
            devices.start_udev()
            network_up = Background(self._connect, name="network")
            devices.settle(facts)
            self._devices_are_settled.set()
        _STARTED.touch()
        network = network_up.result()
        self._engine_is_up.wait()
        self._reporter.persist("worker", lambda facts: self.worker.start(facts, network.mac))
        self._reporter.event("root", read_bytes=machine.read_bytes())
        self._show_status(network)
        self._open_the_way_out()
        self.worker.keep_running(network.mac)

    def _connect(self) -> Network:
        """The network, and what needs nothing but it."""
        drivers.load_network()
        step = NetworkStep(self._parameters, self._reporter, self._devices_are_settled)
        with nic.Announcements.of_links() as changes:  # a cable may be plugged in during a pause
            network = self._reporter.persist("network", step.bring_up, wake=changes)
        if self._parameters.syslog_host:
            threading.Thread(target=self._ship_logs, name="syslog", daemon=True).start()
        self._set_clock(network)
        return network

    def _keep_engine(self) -> None:
        restarts = waiting.Restarts(at_once=1)  # actions wait for it
        while True:
            self._reporter.persist("engine", self._engine.start)
            if self._engine_is_up.is_set():
                self._show_containers()
            else:
                self._bound_containers()
            self._engine_is_up.set()
            began = time.monotonic()
            self._engine.wait_until_it_dies()
            pause = restarts.pause_s(time.monotonic() - began)
            why = "the container engine died; it is started again"
            self._reporter.event("engine-ended", reason=why, again_in_s=pause)
            time.sleep(pause)

    def _bound_containers(self) -> None:
        try:
            memory.bound_containers()
        except OSError as error:  # a kernel without this can still install
            self._reporter.event("memory", unbounded=f"containers may take all of it: {error}")

    def _show_containers(self) -> None:
        """After the engine's death: which containers outlived it. The worker reports its action's fate."""
        with contextlib.suppress(OsieError):  # the engine is away again, and that is said
            self._reporter.event("containers", **self.docker.states())

    def _open_the_way_out(self) -> None:
        try:
            nat.masquerade()
        except OsieError as error:  # only containers with a network of their own lack something
            self._reporter.event("nat", failed=": ".join(chain(error)))

    def _ship_logs(self) -> None:
        """Once the server's name is known, which may take until some name server is up; said once."""
        failures = 0
        while True:
            try:
                self._reporter.add(syslog.sink(self._parameters.syslog_host, self._parameters.syslog_port))
                return
            except OSError as error:
                failures += 1
                if failures == 1:
                    again = "it is tried again until it is known"
                    self._reporter.event("syslog", failed=f"{self._parameters.syslog_host}: {error}; {again}")
            time.sleep(waiting.backoff_s(failures))

    def _set_clock(self, network: Network) -> None:
        servers = self._parameters.ntp or network.addressing.time_servers
        host = self._parameters.syslog_host or self._parameters.grpc_authority.rpartition(":")[0]
        try:
            with self._reporter.step("clock") as facts:
                clock.set_clock(servers, host, facts)
        except OSError:
            pass  # said; the machine's own clock will do

    def _show_status(self, network: Network) -> None:
        facts = {
            "address": f"{network.addressing.address} on {network.interface} ({network.mac})",
            "server": self._parameters.grpc_authority or "none given: grpc_authority= is missing",
            "worker": identified(self._parameters, network.mac).identity,
            "phase": "the worker runs and asks the server for its workflow",
        }
        for text in machine.status(facts):
            self._reporter.say(text)


def _watch(reporter: Reporter, boot: Boot, boot_thread: threading.Thread) -> None:
    """Sample the memory and look for an action's wish to reboot, until the machine or our program ends."""
    watch = memory.MemoryWatch(reporter)
    full = storage.StorageWatch(reporter, lambda: disk_space(STORAGE))
    while boot_thread.is_alive():
        watch.sample()
        full.sample()
        for log in (engine.LOG, dhcp.LOG):
            daemon.bound(log)
        if asked := requests.made():
            watch.conclude()
            why = f"asked for by the action {asked}"
            rebooting.reboot(reporter, boot.docker, boot.worker.stop, why, kexec=asked == requests.KEXEC)
        boot_thread.join(_WATCH_S)


def command_line(path: Path = Path("/proc/cmdline")) -> str:
    """The kernel's command line. It is bytes: what isn't UTF-8 in one parameter must not cost all others."""
    return path.read_text(encoding="utf-8", errors="replace")


def main() -> int:
    """Run until the machine ends; a return means that something broke that init shall start again."""
    memory.go_last()
    reporter = Reporter()
    for device in console.active():
        reporter.add(console.sink(device))
    if _STARTED.exists():
        reporter.event("restarted", pid=os.getpid())
    else:
        for text in machine.banner(__version__, machine.read()):
            reporter.say(text)
    with reporter.step("parameters") as facts:
        parameters = parse(command_line())
        facts.update(server=parameters.grpc_authority or "none", worker=parameters.identity or "by-mac")
    threading.Thread(target=KernelLog(reporter).follow, name="kernel-log", daemon=True).start()
    boot = Boot(reporter, parameters)
    thread = threading.Thread(target=boot.run, name="boot", daemon=True)
    thread.start()
    _watch(reporter, boot, thread)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
