"""Count durations in buckets whose width grows with the duration: any number in 25 kB, to 1 %.

The buckets of DDSketch: Masson, Rim and Lee, 2019, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", https://doi.org/10.14778/3352063.3352135
"""

import math

import numpy as np

from bench.core.values.units import Values

# Largest relative error of a quantile.
RELATIVE_ERROR = 0.01
# Shorter and longer durations count as these, in milliseconds.
SHORTEST_MS = 1e-3
LONGEST_MS = 1e8

_GROWTH = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)
_LOG_GROWTH = math.log(_GROWTH)
_BUCKETS = math.ceil(math.log(LONGEST_MS / SHORTEST_MS) / _LOG_GROWTH) + 1


class Histogram:
    """Durations in milliseconds.

    Bucket n counts the durations above `SHORTEST_MS · growth^(n-1)` and up to `growth` times as long.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(_BUCKETS, dtype=np.int64)
        """Number of durations in each bucket."""
        self.sum_ms = 0.0
        """Exact sum of all durations."""

    @property
    def count(self) -> int:
        """Number of durations."""
        return int(self.counts.sum())

    def add(self, times_ms: Values) -> None:
        """Count durations."""
        clipped_ms = np.clip(times_ms, SHORTEST_MS, LONGEST_MS)
        buckets = np.ceil(np.log(clipped_ms / SHORTEST_MS) / _LOG_GROWTH).astype(np.intp)
        np.add.at(self.counts, buckets, 1)
        self.sum_ms += float(np.sum(times_ms))

    def merge(self, other: "Histogram") -> None:
        """Add the durations of another histogram."""
        self.counts += other.counts
        self.sum_ms += other.sum_ms

    def buckets(self) -> dict[int, int]:
        """Return the counts above 0 by the bucket's number."""
        return {int(bucket): int(self.counts[bucket]) for bucket in np.flatnonzero(self.counts)}

    def mean_ms(self) -> float:
        """Return the exact mean.

        Raises:
            ValueError: The histogram is empty.
        """
        if self.count == 0:
            raise ValueError("the histogram is empty")
        return self.sum_ms / self.count

    def quantile_ms(self, probability: float) -> float:
        """Return a quantile with at most `RELATIVE_ERROR`; 0 if it is not above `SHORTEST_MS`.

        Raises:
            ValueError: The histogram is empty.
        """
        if self.count == 0:
            raise ValueError("the histogram is empty")
        rank = math.floor(probability * (self.count - 1))
        bucket = int(np.searchsorted(np.cumsum(self.counts), rank, side="right"))
        if bucket == 0:
            return 0.0
        return SHORTEST_MS * 2.0 * _GROWTH**bucket / (_GROWTH + 1.0)
