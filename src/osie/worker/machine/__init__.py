"""What the worker tells of the machine that it runs on."""
