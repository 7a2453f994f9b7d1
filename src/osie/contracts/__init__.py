"""What both worlds agree on: artifact names, kernel parameters, the wire, the events of actions."""
