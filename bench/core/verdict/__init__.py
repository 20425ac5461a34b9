"""Comparisons of a run with its baseline, another version, or repeated runs."""
