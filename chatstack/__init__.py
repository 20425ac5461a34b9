"""The reference chat stack: a backend, an agent and a simulated model with the contract of a real one."""
