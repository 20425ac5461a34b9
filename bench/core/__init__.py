"""What is decided: no I/O, no clock, no global randomness."""
