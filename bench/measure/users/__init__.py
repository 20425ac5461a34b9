"""Test users and fixtures: their tokens, and the stores that they are put into and taken out of."""
