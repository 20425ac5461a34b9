"""How often the verdict is wrong, by simulation."""
