"""Contents of the reports of runs, suites and histories."""
