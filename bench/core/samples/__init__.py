"""Samples of a run (requests, resources, probes, gauges) and the metrics computed from the requests."""
