"""The response cache: an answer is generated once for equal messages, in sequence and at the same time."""
