"""`python3 -m osie.actions.archive2disk`: docs/reference/actions.md lists its environment."""

from osie.actions.archive2disk.extracting import extract
from osie.actions.archive2disk.settings import read
from osie.actions.program import start

if __name__ == "__main__":
    start(lambda variables: extract(read(variables)))
