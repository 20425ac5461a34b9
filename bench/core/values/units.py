"""The only place that converts seconds to milliseconds.

Points in time and durations of files are in seconds (`_s`). Latencies, which are differences of points in
time, are in milliseconds (`_ms`).
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Values = Sequence[float] | npt.NDArray[np.float64]
"""Numbers in a list or an array."""
FloatArray = npt.NDArray[np.float64]
"""Numbers in an array."""
Number = TypeVar("Number", float, npt.NDArray[np.float64])

MS_PER_UNIT = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1000.0}
"""Milliseconds of each unit in which files and answers write durations."""


def ms(seconds: Number) -> Number:
    """Return the milliseconds of a duration or of an array of durations in seconds."""
    return seconds * 1000.0
