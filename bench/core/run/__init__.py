"""One run: from what was recorded to its numbers, and whether they can be believed."""
