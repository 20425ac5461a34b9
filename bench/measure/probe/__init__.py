"""Sends the probes of a chat service, in a limited number and time."""
