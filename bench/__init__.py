"""Benchmarks a chat stack and judges the result."""
