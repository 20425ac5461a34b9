"""Comparison of the whole tool with other load generators: `make bench-engine`."""
