"""Comparison of the load generator with other clients: `make bench-engine`."""
