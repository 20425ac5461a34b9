"""What is said and shown of runs, suites and histories."""
