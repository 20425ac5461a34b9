"""Files: scenarios, results, baselines, histories and sites."""
