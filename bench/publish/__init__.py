"""Says the verdict on GitHub. Only `github.py` speaks to it, and only `context.py` knows of Actions."""
