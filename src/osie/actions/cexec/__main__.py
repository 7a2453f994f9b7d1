"""`python3 -m osie.actions.cexec`: docs/reference/actions.md lists its environment."""

from osie.actions.cexec.running import execute
from osie.actions.cexec.settings import read
from osie.actions.program import start

if __name__ == "__main__":
    start(lambda variables: execute(read(variables)))
