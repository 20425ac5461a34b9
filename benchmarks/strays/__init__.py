"""Kill commands that start a stack at random moments, and count what remains."""
