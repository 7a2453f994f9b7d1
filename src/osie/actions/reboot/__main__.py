"""`python3 -m osie.actions.reboot`: docs/reference/actions.md lists its environment."""

from osie.actions.program import start
from osie.actions.reboot.asking import ask, read

if __name__ == "__main__":
    start(lambda variables: ask(read(variables)))
