"""From an operator's files to resources, and from a template to a workflow."""
