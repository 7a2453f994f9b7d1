"""From a profile to a root tree: packages, kernel, Python, configuration, and what is left out."""
