"""What users declare: scenarios with their loads and thresholds, stacks, targets, versions."""
