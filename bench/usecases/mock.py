"""Serve a mock model."""

from bench.mock.behaviour import MockBehaviour
from bench.mock.serve import serve_mock

__all__ = ["DEFAULTS", "DEFAULT_MODEL", "DEFAULT_PORT", "serve_mock"]

DEFAULTS = MockBehaviour()
"""The behaviour without options."""
DEFAULT_MODEL = "mock"
"""The name in the lists of models."""
DEFAULT_PORT = 8080
"""The port without options."""
