"""The same lines by UDP to a syslog server (RFC 3164, whose `TAG: content` our lines already are)."""

import contextlib
import socket
import time

from osie.ramdisk.report import Sink

_DAEMON_INFO = 3 * 8 + 6  # facility and severity, RFC 3164, 4.1.1
_DAEMON_ERROR = 3 * 8 + 3
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST_BYTES = 1024  # RFC 3164, 4.1


def packet(text: str, *, host: str, at: float) -> bytes:
    """The datagram for one line; `at` is unix seconds."""
    when = time.gmtime(at)
    stamp = (
        f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:2d} {when.tm_hour:02d}:{when.tm_min:02d}:{when.tm_sec:02d}"
    )
    priority = _DAEMON_ERROR if " failed at=" in text else _DAEMON_INFO
    return f"<{priority}>{stamp} {host} {text}".encode("utf-8", "replace")[:_LONGEST_BYTES]


def sink(server: str, port: int) -> Sink:
    """Something that sends lines to the server; what can't be sent is dropped, as syslog by UDP does.

    Raises OSError where the server's name can't be resolved.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(server.strip("[]"), port, type=socket.SOCK_DGRAM)[
        0
    ]
    sender = socket.socket(family, kind, protocol)
    sender.setblocking(False)

    def send(text: str) -> None:
        with contextlib.suppress(OSError):
            sender.sendto(packet(text, host=socket.gethostname(), at=time.time()), address)

    return send
