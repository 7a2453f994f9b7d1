"""Where actions come from and reports go to: a tink server, or a file."""
