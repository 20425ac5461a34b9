"""The 95th percentile of two sides, pooled over the runs of each side.

One run of 50 requests has two or three requests above its 95th percentile. All runs of one side together have
enough, because the requests of all runs are counted in one histogram. A bootstrap (Efron, 1979, "Bootstrap
methods: another look at the jackknife") draws whole runs, because requests of one run are not independent.
The interval of Woodruff, 1952, "Confidence intervals for medians and other position measures", adds the error
of a percentile of few requests, which a bootstrap of three runs cannot show:

    change   = log(q₁) - log(q₀), where q is the 95th percentile of all requests of a side
    chance²  = [log q₁(p) - log q₁(p - e₁)]² + [log q₀(p + e₀) - log q₀(p)]² for the lower end of the
               interval, with e = √(p (1 - p) / requests); the other sides for the upper end
    spread²  = variance of the change over the resampled runs, times n / (n - 1)
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.core.run.tails import Tail
from bench.core.values import stats
from bench.core.values.histogram import LOG_GROWTH, log_bounds
from bench.core.values.units import FloatArray

TAIL_PROBABILITY = 0.95
"""The percentile that is compared."""
RESAMPLES = 200
"""Number of bootstrap samples."""
_SEED = 20_190_411
_NONE = -1e9  # logarithm of a percentile that does not exist


class TailCounts(NamedTuple):
    """The longest durations of the runs of one side."""

    log_bounds: FloatArray
    """Logarithm of the upper bound of each bucket, from the longest durations to the shortest."""
    counts: FloatArray
    """Number of durations, by run and bucket."""
    requests: FloatArray
    """Number of all durations of each run."""

    @property
    def total(self) -> int:
        """Number of all durations."""
        return int(self.requests.sum())

    def select(self, runs: npt.NDArray[np.intp]) -> "TailCounts":
        """Return the runs with these numbers, in their order."""
        return TailCounts(self.log_bounds, self.counts[runs], self.requests[runs])


class TailChange(NamedTuple):
    """The change of a 95th percentile, on the scale of logarithms."""

    base: float
    """The percentile of the base."""
    head: float
    """The percentile of the head."""
    log_change: float
    """Logarithm of head divided by base."""
    chance: float
    """Variance of the lower end of the interval of `log_change`, because each side has few requests."""
    upper_chance: float
    """The same of its upper end."""


def count_tails(runs: Sequence[Tail]) -> TailCounts:
    """Return the durations of several runs in the same buckets."""
    all_keys = set[int]()
    for run in runs:
        all_keys |= run.counts.keys()
    keys = sorted(all_keys, reverse=True)
    place = dict(zip(keys, range(len(keys)), strict=True))
    counts = np.zeros((len(runs), max(1, len(keys))))
    for row, run in zip(counts, runs, strict=True):
        row[list(map(place.__getitem__, run.counts))] = list(run.counts.values())
    bounds = log_bounds(keys) if keys else np.full(1, _NONE)
    return TailCounts(bounds, counts, np.array([float(run.total) for run in runs]))


def explain_too_few(base: TailCounts, head: TailCounts) -> str | None:
    """Return why the 95th percentiles cannot be compared; `None` if both sides have enough requests."""
    fewest = min(base.total, head.total)
    if stats.is_reliable(fewest, TAIL_PROBABILITY):
        return None
    needed = next(count for count in range(fewest, 1000) if stats.is_reliable(count, TAIL_PROBABILITY))
    return f"{fewest} requests are too few for a 95th percentile, {needed} are needed"


def compare_tails(
    base: TailCounts, head: TailCounts, start_ms: float = 0.0, probability: float = TAIL_PROBABILITY
) -> TailChange:
    """Compare the pooled percentiles of two sides.

    Args:
        base: The runs of the base.
        head: The runs of the head.
        start_ms: c of the scale log(x + c).
        probability: The percentile; another one than the 95th needs the counts of all durations.
    """
    base_log = _log_quantiles(base, np.ones((1, len(base.counts))), start_ms, probability)[0]
    head_log = _log_quantiles(head, np.ones((1, len(head.counts))), start_ms, probability)[0]
    base_lower, base_upper = _chances(base, base_log, start_ms, probability)
    head_lower, head_upper = _chances(head, head_log, start_ms, probability)
    return TailChange(
        base=float(np.exp(base_log) - start_ms),
        head=float(np.exp(head_log) - start_ms),
        log_change=float(head_log - base_log),
        chance=base_upper + head_lower,
        upper_chance=base_lower + head_upper,
    )


def changes_of_pairs(base: TailCounts, head: TailCounts, start_ms: float = 0.0) -> FloatArray:
    """Return the change of each pair; arguments and scale are those of `compare_tails`."""
    alone = np.eye(len(base.counts))
    changes: FloatArray = _log_quantiles(head, alone, start_ms) - _log_quantiles(base, alone, start_ms)
    return changes


def spread_of_pairs(
    base: TailCounts, head: TailCounts, start_ms: float = 0.0, probability: float = TAIL_PROBABILITY
) -> float:
    """Return the variance of the change between pairs: a bootstrap draws the runs of a pair together.

    The arguments are those of `compare_tails`; both sides have the same number of runs.
    """
    base, head = _sort_pairs(base, head)
    drawn = _resamples(len(base.counts))
    changes = _log_quantiles(head, drawn, start_ms, probability)
    changes = changes - _log_quantiles(base, drawn, start_ms, probability)
    return _unbiased(changes, len(base.counts))


def _sort_pairs(base: TailCounts, head: TailCounts) -> tuple[TailCounts, TailCounts]:
    """Return the pairs in an order that depends on them only, so that the bootstrap does, too."""
    base_logs = _log_quantiles(base, np.eye(len(base.counts)), 0.0)
    head_logs = _log_quantiles(head, np.eye(len(head.counts)), 0.0)
    order = np.lexsort((head.requests, base.requests, head_logs, base_logs))
    return base.select(order), head.select(order)


def _unbiased(drawn: FloatArray, runs: int) -> float:
    """Return the variance of a bootstrap of some runs, which is too small by the factor (n - 1) / n."""
    return float(np.var(drawn)) * runs / (runs - 1) if runs > 1 else 0.0


@lru_cache(maxsize=64)
def _resamples(runs: int) -> FloatArray:
    """Return how often each resample contains each run; always the same, so a comparison is repeatable."""
    dice = np.random.default_rng([_SEED, runs])
    return dice.multinomial(runs, np.full(runs, 1.0 / runs), RESAMPLES).astype(np.float64)


def _chances(
    tails: TailCounts, log_quantile: float, start_ms: float, probability: float
) -> tuple[float, float]:
    """Return the variances of a pooled percentile because there are few requests, below it and above it.

    The two differ: a gap between usual and slow requests lies on one side of the percentile.
    """
    error = math.sqrt(probability * (1.0 - probability) / max(1, tails.total))
    once = np.ones((1, len(tails.counts)))
    lower = _log_quantiles(tails, once, start_ms, probability - error)[0]
    upper = _log_quantiles(tails, once, start_ms, probability + error)[0]
    return float(lower - log_quantile) ** 2, float(upper - log_quantile) ** 2


def _log_quantiles(
    tails: TailCounts, weights: FloatArray, start_ms: float, probability: float = TAIL_PROBABILITY
) -> FloatArray:
    """Return log(q + c) of the pooled percentile for each row of weights of the runs.

    Within a bucket, the durations are taken as evenly spread on the scale of logarithms.
    """
    pooled = weights @ tails.counts
    beyond = np.cumsum(pooled, axis=1)
    wanted = (1.0 - probability) * (weights @ tails.requests)
    last = pooled.shape[1] - 1
    bucket = np.minimum((beyond < wanted[:, np.newaxis]).sum(axis=1), last)
    rows = np.arange(len(weights))
    inside = pooled[rows, bucket]
    before = beyond[rows, bucket] - inside
    share = np.clip((wanted - before) / np.maximum(inside, 1.0), 0.0, 1.0)
    log_ms = tails.log_bounds[bucket] - share * LOG_GROWTH
    log_values: FloatArray = np.log(np.exp(log_ms) + start_ms)
    return log_values
