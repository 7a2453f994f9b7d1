"""The tree of where the bytes go, as `osie build` prints it."""

from osie.cli import size_tree


def test_the_tree_is_sorted_summed_and_short() -> None:
    """Largest first, with shares of the whole; inside a part what is tiny is one line; nothing is lost."""
    sizes: size_tree.Sizes = {
        "kernel": 20_000_000,
        "modules": {"disk": 10_000_000, "network": 69_700_000, "usb": 100_000, "raid": 200_000},
    }
    assert [" ".join(line.split()) for line in size_tree.lines(sizes)] == [
        "├─ modules 80.0 MB 80.0 %",
        "│ ├─ network 69.7 MB 69.7 %",
        "│ ├─ disk 10.0 MB 10.0 %",
        "│ └─ 2 smaller 0.3 MB 0.3 %",
        "└─ kernel 20.0 MB 20.0 %",
    ]
