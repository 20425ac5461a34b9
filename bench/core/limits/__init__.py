"""Thresholds: their grammar, the metrics that they may limit, and when they fail or abort a run."""
