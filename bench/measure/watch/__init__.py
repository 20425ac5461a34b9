"""Watches a stack and its host, with or without a load."""
