"""Declarations of users: scenarios with their executors, stacks, targets, versions."""
