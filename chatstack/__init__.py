"""The reference chat stack: backend, agent and model, by one HTTP contract."""
