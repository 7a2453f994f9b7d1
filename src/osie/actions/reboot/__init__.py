"""The action that asks for a reboot: the ramdisk sees a file and does it, in order."""
