"""CONTROL: a read-only OCI registry over a folder of images."""
