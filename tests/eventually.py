"""Waiting for something that another process does: as short as possible, and long before giving up."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
_PATIENCE_S = 60.0


def eventually(read: Callable[[], Result | None], patience_s: float = _PATIENCE_S) -> Result:
    """The first thing that is read which is neither None nor false."""
    end_s = time.monotonic() + patience_s
    while not (found := read()):
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.01)
    return found
