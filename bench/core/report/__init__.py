"""Reports on runs, suites and histories: the judgement in words, and the figures of charts."""
