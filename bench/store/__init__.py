"""What is kept: scenarios, results, baselines."""
