"""The kernel of this machine: cores, timers, signals."""
