"""CONTROL: hardware, templates, workflows: domain, store, gRPC service, HTTP API."""
