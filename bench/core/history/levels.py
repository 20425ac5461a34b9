"""Find the runs at which a series changes its level, with p values.

Circular binary segmentation (Olshen, Venkatraman, Lucito and Wengler, 2004): find the segment that differs
most from all other runs. It is significant if hardly any random order of the same runs has a segment that
differs as much. Unlike a search for a single step, this method also finds a level that changed and later
returned. Then split the series at the clearer end of the segment, and search both parts in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.core.calibration.machine_speed import WINSOR_SDS
from bench.core.values.robust import robust_sd
from bench.core.verdict.noise import MIN_SD

ALPHA = 0.01  # false-alarm rate of all metrics of a part together
LEVEL_RUNS = 5  # fewer runs are outliers and not a level
MIN_TREND_RUNS = 12  # with fewer runs, no p value is small enough, however large the change is
MAX_TREND_RUNS = 100  # only the newest runs; more of them take many seconds
PERMUTATIONS = 1999  # the smallest p value is 1 / 2000
_FIRST_PERMUTATIONS = 99  # enough to stop early at most series without a change
_SEED = 20040304
_ROUNDING = 1e-9  # a smaller share of a contrast is rounding
_BATCH = 500  # random orders that are judged together; their sums then fit into the processor's cache

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A change of the level of a series."""

    position: int
    """Index of the first run on the new level."""
    p_value: float
    """P value of a change this clear, at any position, among random orders of the runs around it."""


@dataclass(frozen=True, slots=True)
class _Segments:
    """Candidate segments: run `begins[i]` to run `ends[i] - 1`."""

    begins: Indices
    ends: Indices

    def contrasts(self, values: Numbers) -> Numbers:
        """Return |t| of each segment against all other runs, up to a factor that no reordering changes.

        With n runs, a segment of m runs and S their sum: |S - m mean| √(n / (m (n - m))).
        """
        count = len(values)
        lengths = self.ends - self.begins
        cumulative = np.concatenate([[0.0], np.cumsum(values)])
        sums = cumulative[self.ends] - cumulative[self.begins]
        expected = lengths / count * cumulative[-1]
        return np.asarray(np.abs(sums - expected) * np.sqrt(count / (lengths * (count - lengths))))


def find_changes(values: Sequence[float], alpha: float) -> tuple[LevelChange, ...]:
    """Return the level changes of a series, in order of position.

    The random orders have a fixed seed, so the same series always has the same result.

    Args:
        values: One value per run, oldest first, on a scale on which differences matter.
        alpha: Probability of a change in a series without one.
    """
    return tuple(_search(np.asarray(values, dtype=np.float64), 0, alpha))


def _search(values: Numbers, first: int, alpha: float) -> list[LevelChange]:
    """Return the changes in a part of the series that begins at index `first`."""
    if len(values) < 2 * LEVEL_RUNS:
        return []
    clipped = _clip_outliers(values)
    # The first random orders are the same in both tests. If they alone exceed the allowed number, stop early.
    first_p_value = _p_value(clipped, _FIRST_PERMUTATIONS)
    as_clear = round(first_p_value * (_FIRST_PERMUTATIONS + 1))
    if as_clear > alpha * (PERMUTATIONS + 1):
        return []
    p_value = _p_value(clipped, PERMUTATIONS)
    if p_value > alpha:
        return []
    segments = _segments(len(values))
    clearest = int(np.argmax(segments.contrasts(clipped)))
    cut = _clearer_end(clipped, int(segments.begins[clearest]), int(segments.ends[clearest]))
    return [
        *_search(values[:cut], first, alpha),
        LevelChange(first + cut, p_value),
        *_search(values[cut:], first + cut, alpha),
    ]


def _p_value(values: Numbers, orders: int) -> float:
    """Return the share of random orders whose clearest segment is as clear, the given order included."""
    from scipy import stats as scipy_stats  # noqa: PLC0415 - see `bench.core.values.stats`

    lengths = _possible_lengths(values)
    test = scipy_stats.permutation_test(
        (values,),
        lambda order, axis: _clearest_contrasts(np.moveaxis(order, axis, 0), lengths),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=orders,
        batch=_BATCH,
        alternative="greater",
        rng=np.random.default_rng(_SEED),
    )
    return float(test.pvalue)


def _possible_lengths(values: Numbers) -> tuple[int, ...]:
    """Return the lengths of segments that can be as clear as the clearest one, in any order of the values.

    The largest sums of a length have the largest or the smallest values. If even they are less clear, no
    order needs a look at that length. A clear change leaves few lengths.
    """
    count = len(values)
    lengths = np.arange(LEVEL_RUNS, count - LEVEL_RUNS + 1)
    ascending = np.sort(values - values.mean())
    smallest = np.cumsum(ascending)[lengths - 1]
    largest = np.cumsum(ascending[::-1])[lengths - 1]
    bounds = np.maximum(np.abs(smallest), np.abs(largest)) * np.sqrt(count / (lengths * (count - lengths)))
    clearest = _clearest_contrasts(values, lengths.tolist())
    return tuple(lengths[bounds >= clearest * (1.0 - _ROUNDING)].tolist())


def _clearest_contrasts(orders: Numbers, lengths: Sequence[int]) -> Numbers:
    """Return the contrast of the clearest segment of each order, as `_Segments` defines both.

    All segments of one length are differences of two rows of sums, which lie next to each other in memory.

    Args:
        orders: A row for each run, a column for each order.
        lengths: Lengths of the segments.
    """
    count = len(orders)
    own = np.asarray(lengths, dtype=np.intp)
    sums = np.zeros((count + 1, *orders.shape[1:]))
    np.cumsum(orders - orders.mean(axis=0), axis=0, out=sums[1:])
    largest = np.maximum(np.abs(sums[own]), np.abs(sums[count - own]))  # at the begin or at the end
    for row, length in enumerate(lengths):
        if count - length >= 2 * LEVEL_RUNS:
            begins = sums[LEVEL_RUNS : count - LEVEL_RUNS - length + 1]
            inner = sums[LEVEL_RUNS + length : count - LEVEL_RUNS + 1] - begins
            np.abs(inner, out=inner)
            np.maximum(largest[row], np.maximum.reduce(inner), out=largest[row, ...])
    weights = np.sqrt(count / (own * (count - own)))
    return np.asarray(np.max(largest.T * weights, axis=-1))


def _segments(count: int) -> _Segments:
    """Return every segment of at least `LEVEL_RUNS` runs with no runs or at least as many on either side."""
    begins, ends = np.triu_indices(count + 1, k=LEVEL_RUNS)
    before = begins
    after = count - ends
    before_is_level = (before == 0) | (before >= LEVEL_RUNS)
    after_is_level = (after == 0) | (after >= LEVEL_RUNS)
    selected = before_is_level & after_is_level & (before + after > 0)
    return _Segments(begins[selected], ends[selected])


def _clip_outliers(values: Numbers) -> Numbers:
    """Return distances from the median, winsorised at `WINSOR_SDS` robust standard deviations.

    A single outlier then cannot hide a change.
    """
    residuals = values - np.median(values)
    limit = WINSOR_SDS * max(MIN_SD, robust_sd(residuals.tolist()))
    return np.clip(residuals, -limit, limit)


def _clearer_end(values: Numbers, begin: int, end: int) -> int:
    """Return the end of a segment with the clearer change; a later search finds the other one."""
    at_begin = _step(values[:begin], values[begin:end])
    at_end = _step(values[begin:end], values[end:])
    return begin if at_begin >= at_end else end


def _step(left: Numbers, right: Numbers) -> float:
    """Return the difference of two means times √(n₁ n₂ / (n₁ + n₂)); 0 if a side is empty."""
    if not len(left) or not len(right):
        return 0.0
    weight = np.sqrt(len(left) * len(right) / (len(left) + len(right)))
    return float(weight * abs(left.mean() - right.mean()))
