"""The check of what clients send: refuses malformed input, and reports suspicious messages unchanged."""
