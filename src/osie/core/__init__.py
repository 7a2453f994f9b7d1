"""What every room stands on: errors, processes, files, the build cache. Standard library only."""
