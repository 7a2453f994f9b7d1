"""`python3 -m osie.actions.kexec`: docs/reference/actions.md lists its environment."""

from osie.actions.kexec.handing_over import hand_over
from osie.actions.kexec.settings import read
from osie.actions.program import start

if __name__ == "__main__":
    start(lambda variables: hand_over(read(variables)))
