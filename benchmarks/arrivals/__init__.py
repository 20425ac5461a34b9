"""Planned arrivals compared with those that a server receives."""
