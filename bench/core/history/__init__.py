"""What is kept of every run, and where its level changed."""
