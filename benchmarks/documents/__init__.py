"""Runs the commands of the documentation."""
