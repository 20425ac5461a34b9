"""Optional parts of the backend: each is off by default and wraps the part after it."""
