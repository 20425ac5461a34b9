"""Shows what the workflow files did under act, and how long each step took."""
