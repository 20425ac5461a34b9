"""Answers of model servers, byte by byte, and the outcome that each of them must have."""
