"""The one place where seconds become milliseconds.

Points in time and configured durations are seconds (`_s`); latencies that are derived from them are
milliseconds (`_ms`).
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

# Numbers one after the other.
Values = Sequence[float] | npt.NDArray[np.float64]
Number = TypeVar("Number", float, npt.NDArray[np.float64])


def ms(seconds: Number) -> Number:
    """Milliseconds of a duration, or of many, in seconds."""
    return seconds * 1000.0
