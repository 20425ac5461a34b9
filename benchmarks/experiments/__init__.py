"""Measure all shipped experiments, and write the page of their results."""
