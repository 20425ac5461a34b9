"""The format `html`, and the site of all histories."""
