"""`osie demo`: power on to installed OS on a virtual machine, with every part the real one."""
