"""Compares the load's HTTP transport with its peers: `make bench-engine`."""
