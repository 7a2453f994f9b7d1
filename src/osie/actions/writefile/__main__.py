"""`python3 -m osie.actions.writefile`: docs/reference/actions.md lists its environment."""

from osie.actions.program import start
from osie.actions.writefile.placing import place, read

if __name__ == "__main__":
    start(lambda variables: place(read(variables)))
