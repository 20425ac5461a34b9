"""Runs side by side in each format."""
