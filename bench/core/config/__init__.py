"""Files that people write: scenarios, targets, stacks and suites."""
