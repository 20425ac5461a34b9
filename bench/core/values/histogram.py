"""Count durations in buckets whose width grows with the duration: any number in 10 kB, to 1 %.

The buckets are those of DDSketch with its logarithmic mapping, so its libraries can read them: Masson, Rim
and Lee, 2019, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
https://doi.org/10.14778/3352063.3352135
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.core.values.record import Count, NotNegative, Record
from bench.core.values.units import FloatArray, Values

RELATIVE_ERROR = 0.01
"""Largest relative error of a quantile."""
SHORTEST_MS = 1e-3
"""Durations up to this one count as 0, in milliseconds."""
LONGEST_MS = 1e8
"""Longer durations count as this one, in milliseconds; the maximum stays exact."""

_GROWTH = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)
LOG_GROWTH = math.log(_GROWTH)
"""Width of a bucket, on the scale of logarithms."""
_LOWEST_KEY = math.ceil(math.log(SHORTEST_MS) / LOG_GROWTH)
_BUCKETS = math.ceil(math.log(LONGEST_MS) / LOG_GROWTH) - _LOWEST_KEY + 1
# The upper bounds of the zero bucket and of all others.
_BOUNDS_MS = np.append(SHORTEST_MS, _GROWTH ** np.arange(_LOWEST_KEY, _LOWEST_KEY + _BUCKETS))
# Bucket k has the durations above growth^(k-1) and up to growth^k; this value is within the error of all.
_MIDDLES_MS = 2.0 * _GROWTH ** np.arange(_LOWEST_KEY, _LOWEST_KEY + _BUCKETS) / (_GROWTH + 1.0)


def log_bounds(keys: Sequence[int]) -> FloatArray:
    """Return the logarithm of the upper bound of buckets, in milliseconds, by their keys."""
    return LOG_GROWTH * np.asarray(keys, dtype=np.float64)


class DurationCounts(Record):
    """A histogram of durations in milliseconds, in the buckets of DDSketch, which its libraries can read.

    Bucket `k` has the durations above `growth^(k-1)` ms and up to `growth^k` ms, where `growth` is
    `(1 + relative_error) / (1 - relative_error)`. A duration in it is `2 · growth^k / (growth + 1)` ms, with
    at most the relative error.
    """

    relative_error: NotNegative = RELATIVE_ERROR
    """Largest relative error of a quantile that is computed from the histogram."""
    zero_count: Count = 0
    """Number of durations of at most 0.001 ms."""
    counts: dict[int, Count] = {}
    """Number of durations in each bucket, by the bucket's key `k`; empty buckets are left out."""
    sum_ms: float = 0.0
    """Exact sum of all durations, in milliseconds."""
    max_ms: NotNegative = 0.0
    """The longest duration, exact, in milliseconds."""


class Histogram:
    """Durations in milliseconds."""

    def __init__(self) -> None:
        self.counts: npt.NDArray[np.int64] = np.zeros(_BUCKETS, dtype=np.int64)
        """Number of durations in each bucket, from the shortest durations to the longest."""
        self.zero_count = 0
        """Number of durations of at most `SHORTEST_MS`."""
        self.sum_ms = 0.0
        """Exact sum of all durations."""
        self.max_ms = 0.0
        """Exact maximum."""

    @classmethod
    def of(cls, counts: DurationCounts) -> "Histogram":
        """Return the histogram that a file contains."""
        histogram = cls()
        for key, count in counts.counts.items():
            histogram.counts[min(max(key - _LOWEST_KEY, 0), _BUCKETS - 1)] += count
        histogram.zero_count = counts.zero_count
        histogram.sum_ms = counts.sum_ms
        histogram.max_ms = counts.max_ms
        return histogram

    @classmethod
    def of_ascending(cls, times_ms: FloatArray) -> "Histogram":
        """Return a histogram of durations that are sorted already, which takes no time."""
        histogram = cls()
        if len(times_ms):
            ends = np.searchsorted(times_ms, _BOUNDS_MS, side="right")
            histogram.zero_count = int(ends[0])
            histogram.counts = np.diff(ends)
            histogram.counts[-1] += len(times_ms) - ends[-1]
            histogram.sum_ms = float(times_ms.sum())
            histogram.max_ms = float(times_ms[-1])
        return histogram

    @property
    def count(self) -> int:
        """Number of durations."""
        return self.zero_count + int(self.counts.sum())

    def add(self, times_ms: Values) -> None:
        """Count durations."""
        if not len(times_ms):
            return
        durations_ms = np.asarray(times_ms, dtype=np.float64)
        countable_ms = np.minimum(durations_ms[durations_ms > SHORTEST_MS], LONGEST_MS)
        buckets = np.ceil(np.log(countable_ms) / LOG_GROWTH).astype(np.intp) - _LOWEST_KEY
        self.counts += np.bincount(buckets, minlength=_BUCKETS)
        self.zero_count += len(durations_ms) - len(countable_ms)
        self.sum_ms += float(durations_ms.sum())
        self.max_ms = max(self.max_ms, float(durations_ms.max()))

    def merge(self, other: "Histogram") -> None:
        """Add the durations of another histogram."""
        self.counts += other.counts
        self.zero_count += other.zero_count
        self.sum_ms += other.sum_ms
        self.max_ms = max(self.max_ms, other.max_ms)

    def written(self) -> DurationCounts:
        """Return the histogram as files contain it."""
        filled = np.flatnonzero(self.counts)
        keys = (filled + _LOWEST_KEY).tolist()
        return DurationCounts(
            zero_count=self.zero_count,
            counts=dict(zip(keys, self.counts[filled].tolist(), strict=True)),
            sum_ms=self.sum_ms,
            max_ms=self.max_ms,
        )

    def mean_ms(self) -> float:
        """Return the exact mean.

        Raises:
            ValueError: The histogram is empty.
        """
        self._require_durations()
        return self.sum_ms / self.count

    def quantile_ms(self, probability: float) -> float:
        """Return a quantile by linear interpolation, as `numpy.quantile` does, with at most `RELATIVE_ERROR`.

        Raises:
            ValueError: The histogram is empty.
        """
        self._require_durations()
        position = probability * (self.count - 1)
        rank = math.floor(position)
        fraction = position - rank
        lower_ms = self._of_rank_ms(rank)
        return lower_ms if not fraction else lower_ms + fraction * (self._of_rank_ms(rank + 1) - lower_ms)

    def residual_ratio(self, length_ms: float) -> float:
        """Return the share of the counted time after which a duration still continued for at least a length.

        This is the probability that someone who looks at a random moment waits for longer than the length.

        Raises:
            ValueError: The histogram is empty.
        """
        self._require_durations()
        rest_ms = np.maximum(np.minimum(_MIDDLES_MS, self.max_ms) - length_ms, 0.0)
        return min(1.0, float(rest_ms @ self.counts) / self.sum_ms) if self.sum_ms > 0 else 0.0

    def count_longer(self, length_ms: float) -> int:
        """Return the number of durations in the buckets above a length."""
        return int(self.counts[length_ms < _MIDDLES_MS].sum())

    def _require_durations(self) -> None:
        if self.count == 0:
            raise ValueError("the histogram is empty")

    def _of_rank_ms(self, rank: int) -> float:
        """Return the duration with a number in ascending order, from 0."""
        if rank < self.zero_count:
            return 0.0
        index = int(np.searchsorted(np.cumsum(self.counts), rank - self.zero_count, side="right"))
        return min(float(_MIDDLES_MS[index]), self.max_ms)
