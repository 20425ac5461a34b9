"""One measurement from start to end, two versions measured alternately, and the origin of a run."""
