"""`python3 -m osie.actions.oci2disk`: docs/reference/actions.md lists its environment."""

from osie.actions.oci2disk.install import install
from osie.actions.oci2disk.settings import read
from osie.actions.program import start

if __name__ == "__main__":
    start(lambda variables: install(read(variables)))
