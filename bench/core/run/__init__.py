"""One run: from its recording to its numbers and its validity."""
