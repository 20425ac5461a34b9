"""Timers: wait until something is due, as exactly as the kernel can."""
