"""`bench ci`: the commands that a workflow calls."""
