"""The current time in the format of the contract."""

from datetime import UTC, datetime


def iso_now() -> str:
    """Return the current time in ISO 8601 with milliseconds: `2025-06-01T12:00:00.000Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
