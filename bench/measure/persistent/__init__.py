"""Persistent stacks, which stay up between commands, and access to stacks that are already up."""
