"""Counts times in buckets whose widths grow with them: any number of times in 25 kB, each to one per cent.

The buckets of DDSketch: Masson, Rim and Lee, 2019, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", https://doi.org/10.14778/3352063.3352135
"""

import math

import numpy as np

from bench.core.values.units import Values

# A quantile is off by this share at most.
RELATIVE_ERROR = 0.01
# Less is counted as this, more as that; milliseconds.
SHORTEST_MS, LONGEST_MS = 1e-3, 1e8

_GROWTH = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)
_LOG_GROWTH = math.log(_GROWTH)
_BUCKETS = math.ceil(math.log(LONGEST_MS / SHORTEST_MS) / _LOG_GROWTH) + 1


class Histogram:
    """Times in milliseconds.

    Attributes:
        counts: How many times fell in each bucket: what is above `SHORTEST_MS * growth**(n - 1)`, and at most
            `growth` times that, in bucket n.
        sum_ms: Of all times, exactly.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(_BUCKETS, dtype=np.int64)
        self.sum_ms = 0.0

    @property
    def count(self) -> int:
        """How many times there are."""
        return int(self.counts.sum())

    def add(self, times_ms: Values) -> None:
        """Count some times."""
        kept = np.clip(times_ms, SHORTEST_MS, LONGEST_MS)
        buckets = np.ceil(np.log(kept / SHORTEST_MS) / _LOG_GROWTH).astype(np.intp)
        np.add.at(self.counts, buckets, 1)
        self.sum_ms += float(np.sum(times_ms))

    def merge(self, other: "Histogram") -> None:
        """Count what another one has counted, too."""
        self.counts += other.counts
        self.sum_ms += other.sum_ms

    def buckets(self) -> dict[int, int]:
        """The counts by the bucket's number, without those of 0."""
        return {int(bucket): int(self.counts[bucket]) for bucket in np.flatnonzero(self.counts)}

    def mean_ms(self) -> float:
        """The arithmetic mean, exactly.

        Raises:
            ValueError: There are no times.
        """
        if self.count == 0:
            raise ValueError("no times were counted")
        return self.sum_ms / self.count

    def quantile_ms(self, probability: float) -> float:
        """The time of this rank to `RELATIVE_ERROR`; 0 when it is too short to count.

        Raises:
            ValueError: There are no times.
        """
        if self.count == 0:
            raise ValueError("no times were counted")
        rank = math.floor(probability * (self.count - 1))
        bucket = int(np.searchsorted(np.cumsum(self.counts), rank, side="right"))
        return 0.0 if bucket == 0 else SHORTEST_MS * 2.0 * _GROWTH**bucket / (_GROWTH + 1.0)
