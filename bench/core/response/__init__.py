"""Answers, read as their bytes come."""
