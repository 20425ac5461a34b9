"""Stacks that keep running between commands, and processes attached to them."""
