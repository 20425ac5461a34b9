"""Structured log lines of the optional parts: one JSON object per line on stderr."""

import sys
from typing import Any

import structlog


def open_log() -> Any:
    """Return a log whose lines have `event`, `level`, `timestamp`, and the facts of the event.

    stdout has the line that announces the address of the service, and nothing else.
    """
    return structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )
