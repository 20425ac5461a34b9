"""Samples of requests and resources, and the table of all metrics."""
