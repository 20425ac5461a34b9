"""One measurement from start to end, or two versions alternated, and its provenance."""
