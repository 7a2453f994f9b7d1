"""What a NIC has switched on of its offloads and the like, in the words of `ethtool -k`.

Asked of the kernel by ioctl(2), with no program in between. Source: Linux's include/uapi/linux/ethtool.h; the
names of groups: ethtool(8), --features.
"""

import array
import fcntl
import re
import socket
import struct
from collections.abc import Iterable, Iterator

_SIOCETHTOOL = 0x8946
_GET_STRINGS, _GET_SET_INFO, _GET_FEATURES = 0x1B, 0x37, 0x3A  # ETHTOOL_GSTRINGS, _GSSET_INFO, _GFEATURES
_FEATURES = 4  # ETH_SS_FEATURES
_NAME_BYTES = 32  # ETH_GSTRING_LEN
_WORDS = 4  # of 32 features each: available, requested, active, never changed
_ACTIVE = 2

# ethtool's names for one feature or several of the kernel's; of several, those are told too.
_SINGLE = {
    "rx-checksum": "rx-checksumming",
    "tx-udp-fragmentation": "udp-fragmentation-offload",
    "tx-generic-segmentation": "generic-segmentation-offload",
    "rx-gro": "generic-receive-offload",
    "rx-lro": "large-receive-offload",
    "rx-vlan-hw-parse": "rx-vlan-offload",
    "tx-vlan-hw-insert": "tx-vlan-offload",
    "rx-ntuple-filter": "ntuple-filters",
    "rx-hashing": "receive-hashing",
}
_GROUPS = {
    "tx-checksumming": re.compile(r"tx-checksum-.*"),
    "scatter-gather": re.compile(r"tx-scatter-gather.*"),
    "tcp-segmentation-offload": re.compile(r"tx-tcp.*-segmentation"),
}


def enabled(interface: str) -> list[str]:
    """The features that are on, sorted; none where the kernel or the driver doesn't tell."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            return sorted(in_ethtools_words(_active(asking, interface)))
    except OSError:
        return []


def in_ethtools_words(active: Iterable[str]) -> set[str]:
    """The kernel's names of features as ethtool shows them."""
    names = set(active)
    groups = {group for group, member in _GROUPS.items() if any(map(member.fullmatch, names))}
    return groups | {_SINGLE.get(name, name) for name in names}


def _active(asking: socket.socket, interface: str) -> Iterator[str]:
    (count,) = struct.unpack_from("=I", _ask(asking, interface, _set_info(), 4), 16)
    strings = _ask(
        asking, interface, struct.pack("=III", _GET_STRINGS, _FEATURES, count), count * _NAME_BYTES
    )
    blocks = -(-count // 32)
    bits = _ask(asking, interface, struct.pack("=II", _GET_FEATURES, blocks), blocks * _WORDS * 4)
    for number in range(count):
        (word,) = struct.unpack_from("=I", bits, 8 + 4 * (number // 32 * _WORDS + _ACTIVE))
        name = strings[12 + number * _NAME_BYTES :][:_NAME_BYTES].partition(b"\0")[0]
        if word >> number % 32 & 1 and name:
            yield name.decode("ascii", "replace")


def _set_info() -> bytes:
    return struct.pack("=IIQ", _GET_SET_INFO, 0, 1 << _FEATURES)


def _ask(asking: socket.socket, interface: str, command: bytes, answer_bytes: int) -> bytes:
    """The command with its answer behind it, as the kernel filled it in. Raises OSError."""
    memory = array.array("B", command + bytes(answer_bytes))
    address, _ = memory.buffer_info()
    # struct ifreq (netdevice(7)): the name, and a pointer in a union of 24 bytes
    fcntl.ioctl(asking, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode()[:15], address))
    return memory.tobytes()
