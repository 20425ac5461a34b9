"""Accuracy of the load generator and speed of the machine."""
