"""Which proxy a URL is fetched through: by the environment's variables, as Go's programs read them.

The rules are golang.org/x/net/http/httpproxy's, which the engine and upstream's actions are built with: what
is written for those is right here. urllib's own know no networks and no ports.
`tests/unit/core/test_proxies.py` has a table of Go's verdicts.
"""

import ipaddress
import os
import urllib.parse
from collections.abc import Mapping
from typing import NamedTuple

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_PORTS = {"http": "80", "https": "443"}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def proxy_for(url: str, environment: Mapping[str, str] = os.environ) -> urllib.parse.SplitResult | None:
    """The http proxy for an http or https URL; None where its server is asked directly.

    Raises ValueError for a proxy that is no `[http://][USER:PASSWORD@]HOST[:PORT]`; it isn't shown.
    """
    parts = urllib.parse.urlsplit(url)
    named = _variable(environment, f"{parts.scheme.upper()}_PROXY") if parts.scheme in _PORTS else ""
    if not named or is_direct(url, environment):
        return None
    proxy = urllib.parse.urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or not proxy.hostname or not 0 <= (proxy.port or 0) < 65536:
        raise ValueError("expected [http://][USER:PASSWORD@]HOST[:PORT]")
    return proxy


def is_direct(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether NO_PROXY names the URL's server, or this machine is: then no proxy is asked."""
    parts = urllib.parse.urlsplit(url)
    host, port = _ascii(parts.hostname or ""), str(parts.port or _PORTS.get(parts.scheme, ""))
    address = _address(host.partition("%")[0])  # without the zone
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = [entry.strip().lower() for entry in _variable(environment, "NO_PROXY").split(",")]
    return "*" in entries or any(_named(entry, host, address, port) for entry in entries if entry)


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.lower()) or ""


def _named(entry: str, host: str, address: _Address | None, port: str) -> bool:
    """Whether an entry of NO_PROXY names the server: a network; an address or a domain, maybe with a port."""
    network = _network(entry)
    if network is not None:
        return address is not None and address in network
    split = _split(entry)
    if split.port and split.port != port:
        return False
    same = _address(split.host)
    if same is not None or address is not None:
        return same == address
    domain = _ascii(split.host.removeprefix("*") if split.host.startswith("*.") else split.host)
    if domain.startswith("."):
        return host.endswith(domain)
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


class _Split(NamedTuple):
    host: str
    port: str  # "": any


def _split(entry: str) -> _Split:
    """HOST:PORT or [IPV6]:PORT; all else is a host (as Go's net.SplitHostPort has it)."""
    if entry.startswith("["):
        host, bracket, port = entry[1:].partition("]:")
        whole = bool(bracket) and not set(host + port) & set("[]") and ":" not in port
    else:
        host, colon, port = entry.partition(":")
        whole = bool(colon) and not set(entry) & set("[]") and ":" not in port
    return _Split(host, port) if whole else _Split(entry, "")


def _network(text: str) -> _Network | None:
    """ADDRESS/PREFIX; None for anything else, a netmask too."""
    start, slash, prefix = text.partition("/")
    if not slash or not (prefix.isascii() and prefix.isdecimal()) or "%" in start:
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if network.version == 6 else None
    if mapped is None:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - 96), strict=False)


def _address(text: str) -> _Address | None:
    """The address, that of IPv4 where it's mapped into IPv6; None for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 4:
        return address
    return None if "%" in text else address.ipv4_mapped or address


def _ascii(host: str) -> str:
    """The host in lower case, as DNS has it (IDNA)."""
    lowered = host.strip().lower()
    try:
        return lowered if lowered.isascii() else lowered.encode("idna").decode("ascii")
    except UnicodeError:
        return lowered
