"""What is said: text made from a Report."""
