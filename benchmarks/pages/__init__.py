"""Measure the size of the pages and the time until a browser has drawn them."""
