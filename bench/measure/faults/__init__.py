"""Injects the faults of a scenario into a stack that the run started, and ends them."""
