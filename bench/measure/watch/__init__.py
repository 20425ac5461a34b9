"""Watches a stack and its machine, with or without load."""
