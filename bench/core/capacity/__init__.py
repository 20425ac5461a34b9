"""The largest load that meets the objectives: its search, its interval, and predictions from its curve."""
