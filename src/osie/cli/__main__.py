"""`python -m osie.cli` is `osie`."""

from osie.cli.main import main

main()
