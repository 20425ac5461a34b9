"""Kills runs at random moments, and counts the requests that their files have."""
