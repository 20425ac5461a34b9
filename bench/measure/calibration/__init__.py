"""Calibrates the load generator and runs the reference workload, before and after a run."""
