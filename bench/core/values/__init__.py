"""Numbers with units, their statistics, and how they are written."""
