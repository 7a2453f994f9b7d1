"""What follows the last part of a stored image: zeroes are padding; of anything else it is told how much.

gzip(1), bzip2(1) and tape drives pad with zeroes; signed firmware has its signature there, which gzip(1)
leaves out. Whether that is borne is for who knows what stands for the image.
"""

from osie.actions.unpack.faults import Fault, Trailing
from osie.actions.unpack.feed import Feed


def skip_zeroes(feed: Feed) -> int:
    """Read over zeroes; how many there were."""
    zeroes = 0
    while taken := feed.take():
        other = taken.lstrip(b"\0")
        zeroes += len(taken) - len(other)
        if other:
            feed.untake(len(other))
            break
    return zeroes


def read_rest(feed: Feed, begins: tuple[bytes, ...]) -> None:
    """Read to the end. Raises Trailing unless all are zeroes, Fault where a part follows behind zeroes.

    `begins`: what parts begin with. Who put one behind padding wanted it to be read, and no tool reads it.
    """
    zeroes = skip_zeroes(feed)
    if zeroes and feed.peek(max(map(len, begins))).startswith(begins):
        raise Fault(f"it goes on behind {zeroes} zeroes")
    count = 0
    while taken := feed.take():
        count += len(taken)
    if count:
        raise Trailing(zeroes + count)
