"""How long a mirror may be silent, and that it's told whom we wait for."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """With whoever accepts connections and never answers: a suite's lists take four times `silence_s`.

    apt asks for two forms of them, and each again; by itself it would wait 240 s.
    """

    silence_s: int = 15  # a mirror that sends something now and then may take as long as it likes
    retries: int = 1
    told_after_s: float = 5

    @property
    def options(self) -> dict[str, str]:
        """For apt (apt.conf(5), apt-transport-http(1))."""
        silence = {f"Acquire::{scheme}::Timeout": str(self.silence_s) for scheme in ("http", "https")}
        return {**silence, "Acquire::Retries": str(self.retries)}

    @contextmanager
    def telling(self, awaited: str) -> Iterator[None]:
        """Say that we wait for it where that takes a while."""
        told = threading.Timer(self.told_after_s, _log.warning, ["still waiting for %s", awaited])
        told.daemon = True
        told.start()
        try:
            yield
        finally:
            told.cancel()
