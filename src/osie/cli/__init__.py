"""The osie command: the only place that reads argv, environment and config files, and exits."""
