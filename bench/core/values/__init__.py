"""Numbers, their units and statistics, and their wording."""
