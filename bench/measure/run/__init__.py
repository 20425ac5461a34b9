"""One measurement from the first process to the last, or two versions in turns, and where it was made."""
