"""Says the verdict on GitHub. Only `api.py` asks it; `context.py` and `actions.py` know Actions."""
