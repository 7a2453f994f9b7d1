"""WORKSHOP: builds OCI images (worker, actions) without a daemon."""
