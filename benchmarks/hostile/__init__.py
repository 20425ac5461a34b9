"""Hostile responses: what they cost, and whether they delay other users."""
