"""Answers router solicitations in the lab's network: see osie.core.router_advertisement for why."""

import selectors
import socket
import threading
from contextlib import suppress
from pathlib import Path

from osie.core.router_advertisement import advertise, listening
from osie.lab.namespace import inside


class NoRouter:
    """Answers on one interface of a namespace, in a thread, until it is closed."""

    def __init__(self, namespace: str, interface: str) -> None:
        self._socket = inside(namespace, lambda: _socket(interface))
        self._wake, self._woken = socket.socketpair()
        self._scope = inside(namespace, lambda: socket.if_nametoindex(interface))
        self._thread = threading.Thread(target=self._answer, name="no-router", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._wake.close()
        self._thread.join()
        self._socket.close()
        self._woken.close()

    def _answer(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while all(key.fileobj is self._socket for key, _ in selector.select()):
                self._socket.recv(1500)
                with suppress(OSError):  # no carrier, no address yet: the machine asks again
                    advertise(self._socket, self._scope)


def _socket(interface: str) -> socket.socket:
    # With duplicate address detection the bridge couldn't answer for its first seconds.
    Path(f"/proc/sys/net/ipv6/conf/{interface}/accept_dad").write_text("0")
    return listening(interface)
