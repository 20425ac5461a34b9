"""Starts stacks of processes and of containers, waits until they answer, and ends them."""
