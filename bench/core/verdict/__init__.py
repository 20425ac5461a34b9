"""A run beside others: its baseline, another version, runs of the same."""
