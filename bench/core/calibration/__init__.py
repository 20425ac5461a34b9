"""How true the load generator is and how fast the machine: a server of known timing, and pinned work."""
