"""Stacks that stay up between commands, and who visits them."""
