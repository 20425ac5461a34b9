"""Test users and fixtures: their tokens, and the stores that contain them."""
