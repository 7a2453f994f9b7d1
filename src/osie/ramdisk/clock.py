"""The clock: NTP (RFC 5905, the client's half as SNTP), or the netboot server's HTTP Date where that is all.

A machine whose clock battery is dead stands in 1970 or 2000, and no certificate is valid there yet.
"""

import socket
import time
from collections.abc import Sequence
from pathlib import Path

from osie.ramdisk.report import Facts

_NTP_EPOCH_S = 2208988800  # from 1900 to 1970
_CLIENT_V4 = 0x23  # leap 0, version 4, mode 3
_ANSWER_S = 1.0
_ALL_S = 4.0
_WORTH_SETTING_S = 0.2
_BOOTS_HTTP_PORT = 7171


def offset_s(packet: bytes, *, sent: float, received: float) -> float | None:
    """How far our clock is behind the server's; None where the packet is no usable answer (RFC 5905, 7.3)."""
    if len(packet) < 48 or packet[0] & 7 != 4 or not 1 <= packet[1] <= 15 or packet[0] >> 6 == 3:
        return None

    def stamp(at: int) -> float:
        seconds, fraction = (int.from_bytes(packet[i : i + 4], "big") for i in (at, at + 4))
        return seconds + fraction / 2**32 - _NTP_EPOCH_S

    transmitted = stamp(40)
    if transmitted <= 0:
        return None
    return ((stamp(32) - sent) + (transmitted - received)) / 2


def ask(server: str) -> float | None:
    """The offset that one NTP server tells; None where it doesn't answer."""
    try:
        host = server.strip("[]")  # an IPv6 address as it stands in HOST:PORT
        family, kind, protocol, _, address = socket.getaddrinfo(host, 123, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as asking:
            asking.settimeout(_ANSWER_S)
            asking.connect(address)  # so that only this server's answers are taken
            sent = time.time()
            asking.send(bytes([_CLIENT_V4]) + bytes(47))
            return offset_s(asking.recv(512), sent=sent, received=time.time())
    except OSError:
        return None


def http_date(answer: bytes) -> float | None:
    """The time in an HTTP answer's Date field; None where it has none."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to import, and rarely needed

    for field in answer.decode("latin-1").splitlines():
        name, _, value = field.partition(":")
        if name.lower() == "date":
            try:
                return parsedate_to_datetime(value.strip()).timestamp()
            except ValueError:
                return None
    return None


def _ask_http(host: str) -> float | None:
    try:
        address = (host.strip("[]"), _BOOTS_HTTP_PORT)
        with socket.create_connection(address, timeout=_ANSWER_S) as connection:
            connection.sendall(b"HEAD / HTTP/1.0\r\nHost: " + host.encode("latin-1") + b"\r\n\r\n")
            return http_date(connection.recv(4096))
    except (OSError, ValueError):
        return None


def built_at() -> float:
    """When this ramdisk was built, or a time before that: no right clock is earlier."""
    return Path(__file__).stat().st_mtime


def possible(offset: float, *, now: float, built: float) -> bool:
    """Whether our clock would be right by that offset: a server without a battery tells 1970, too."""
    return now + offset >= built


def _step_by(offset: float) -> None:
    if abs(offset) > _WORTH_SETTING_S:
        time.clock_settime(time.CLOCK_REALTIME, time.time() + offset)


def set_clock(servers: Sequence[str], fallback_host: str, facts: Facts) -> None:
    """Set the clock from the first server with a possible time; else it stays, unless it can't be right."""
    end, built = time.monotonic() + _ALL_S, built_at()
    impossible = []
    for server in servers:
        if time.monotonic() >= end:
            break
        offset = ask(server)
        if offset is not None and not possible(offset, now=time.time(), built=built):
            impossible.append(server)
        elif offset is not None:
            _step_by(offset)
            facts.update(source=server, offset_s=offset)
            return
    facts["source"] = "rtc"
    if time.time() < built and fallback_host and (date := _ask_http(fallback_host)) and date >= built:
        offset = date - time.time()
        _step_by(offset)
        facts.update(source=f"http://{fallback_host}:{_BOOTS_HTTP_PORT}", offset_s=offset)
    elif impossible:
        facts["warning"] = f"NTP servers with a time before this ramdisk was built: {','.join(impossible)}"
    elif servers:
        facts["warning"] = f"no NTP server answered: {','.join(servers)}"
