"""The formats of probes of a chat service."""
