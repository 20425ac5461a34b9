"""A long run at a constant rate: memory and descriptors of all processes, at the start and at the end."""
