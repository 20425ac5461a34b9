"""What the kernel of this machine is asked: cores, timers, signals."""
