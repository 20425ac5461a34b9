"""What was used, up and done while a stack was watched, how quiet the machine was, and alerts."""
