"""Load generators on other machines: their start, their clocks, and the way of their samples."""
