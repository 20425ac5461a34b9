"""Responses, parsed while their bytes arrive."""
