"""What is measured, side by side, and written down: `make bench`."""
