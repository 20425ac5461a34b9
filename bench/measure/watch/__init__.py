"""Watches a stack and its machine beside the load, or without any."""
