"""Numbers, their units and statistics, and how they are worded."""
