"""The current time as text."""

import time
from functools import lru_cache


def iso_now() -> str:
    """Return the current time in ISO 8601 with milliseconds: `2025-06-01T12:00:00.000Z`."""
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_until_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=1)
def _until_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
