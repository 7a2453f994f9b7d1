"""The action that unpacks an archive into a file system: verified before any of it is visible there."""
