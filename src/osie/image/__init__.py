"""WORKSHOP: profile -> packages -> root tree -> kernel and ramdisk."""
