"""The kernel of this machine: cores, memory, signals."""
