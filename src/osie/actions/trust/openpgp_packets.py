"""What OpenPGP data consists of, as far as it takes to tell a key from a signature and from anything else."""

from binascii import a2b_base64
from collections.abc import Iterator

ARMOUR = "-----BEGIN PGP "
SIGNATURE, PUBLIC_KEY, SECRET_KEYS = 2, 6, {5, 7}  # tags (RFC 9580, 5)


def dearmoured(text: str) -> tuple[str, bytes]:
    """The kind of a block in ASCII armour (RFC 9580, 6.2) and its bytes. Raises ValueError."""
    head, _, rest = text.partition(ARMOUR)
    kind, found, rest = rest.partition("-----")
    body, ended, tail = rest.partition(f"-----END PGP {kind}-----")
    if head.strip() or not found or not ended or tail.strip():
        raise ValueError("isn't one whole block of OpenPGP armour")
    lines = [line.strip() for line in body.strip("\r\n").splitlines()]
    if "" in lines:  # headers such as "Comment: ..." end with an empty line
        lines = lines[lines.index("") + 1 :]
    data = "".join(line for line in lines if not line.startswith("="))  # =CRC24, which protects nothing
    return kind, a2b_base64(data.encode(), strict_mode=True) if data else b""


def tags(data: bytes) -> Iterator[int]:
    """The packets' tags, one after the other (RFC 9580, 4.2). Raises ValueError with a sentence's end."""
    at = 0
    while at < len(data):
        first = data[at]
        if not first & 0x80:
            raise ValueError("is no OpenPGP data")
        if first & 0x40:
            tag = first & 0x3F
            size, width = _length(data[at + 1 : at + 6])
        else:
            tag, width = first >> 2 & 15, (1, 2, 4, 0)[first & 3]
            size = int.from_bytes(data[at + 1 : at + 1 + width], "big")
        at += 1 + width + size
        if not width or at > len(data):
            raise ValueError("is cut off, or of a form that only messages have")
        yield tag


def _length(octets: bytes) -> tuple[int, int]:
    """A packet's body length and the width of that field (4.2.1); 0 wide for a partial one."""
    if not octets or 224 <= octets[0] < 255:
        return 0, 0
    if octets[0] < 192:
        return octets[0], 1
    if octets[0] < 224:
        return (octets[0] - 192 << 8) + int.from_bytes(octets[1:2], "big") + 192, 2
    return int.from_bytes(octets[1:5], "big"), 5
