"""`python3 -m osie.actions.qemuimg2disk`: docs/reference/actions.md lists its environment."""

from osie.actions.program import start
from osie.actions.qemuimg2disk.install import install
from osie.actions.qemuimg2disk.settings import read

if __name__ == "__main__":
    start(lambda variables: install(read(variables)))
