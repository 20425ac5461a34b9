"""The time of day, as the contract writes it."""

from datetime import UTC, datetime


def iso_now() -> str:
    """Now, in ISO 8601 with milliseconds: `2025-06-01T12:00:00.000Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
