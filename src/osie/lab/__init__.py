"""WORKSHOP: virtual machines, an isolated network, and the OS that the lab installs."""
