"""Waiting for another process: short polls, and a long time limit."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
_TIMEOUT_S = 300.0


def eventually(read: Callable[[], Result | None], timeout_s: float = _TIMEOUT_S) -> Result:
    """Call `read` until it returns a value that is neither None nor false, and return that value."""
    end_s = time.monotonic() + timeout_s
    while not (value := read()):
        assert time.monotonic() < end_s, f"no result within {timeout_s:g} s"
        time.sleep(0.01)
    return value
