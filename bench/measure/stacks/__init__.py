"""Starts stacks of processes and containers, waits until they are ready, and stops them."""
