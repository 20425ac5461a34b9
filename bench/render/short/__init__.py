"""Short reports for a terminal: at most a screen of lines, the answer first."""
