"""What hardware, templates and workflows are, and how a workflow moves. Pure: no SQL, HTTP or gRPC."""
