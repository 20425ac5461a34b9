"""How often the verdict is wrong, on the embedded stack itself."""
