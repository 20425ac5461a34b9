"""Where a series of runs changes its level, and how sure that is.

Circular binary segmentation (Olshen, Venkatraman, Lucito and Wengler, 2004): the stretch of runs that differs
most from the others is looked for, and counts when a random order of the same runs hardly ever has one that
differs as much. Unlike the search for a single step it sees a level that came and went. The series is then
cut at the clearer end of that stretch, and each part is looked at in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.core.verdict.noise import LEAST_SD

ALPHA = 0.01  # chance of finding a change where there is none, in all metrics of a part together
LEVEL_RUNS = 5  # fewer runs are no level, but odd ones
FEWEST_RUNS = 12  # fewer runs cannot be told from a random order of them, however far apart they lie
MOST_RUNS = 100  # the newest ones; with more, a command would take many seconds
PERMUTATIONS = 1999  # so that the smallest p value is 0.0005
_FIRST_PERMUTATIONS = 99  # enough to see that most series have no change
ODD_SDS = 2.5  # a run farther out counts as if it were here: a single odd one must not hide a change
_SEED = 20040304
_MOST_CELLS = 500_000  # of a batch of random orders, so that it fits into the processor's cache

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Change:
    """A place where the level changes.

    Attributes:
        position: Of the first run on the new level.
        p_value: Of a change this clear, at any place, in a random order of the runs around it.
    """

    position: int
    p_value: float


def changes(values: Sequence[float], alpha: float) -> tuple[Change, ...]:
    """Where a series changes its level, in order of position.

    The same series gives the same answer: the random orders are seeded.

    Args:
        values: One for each run, oldest first, on a scale where differences are what matters.
        alpha: Chance of finding anything where nothing changes.
    """
    return tuple(_search(np.asarray(values, dtype=np.float64), 0, alpha))


def _search(values: Numbers, first: int, alpha: float) -> list[Change]:
    """The changes in a part of the series that begins at `first`."""
    if len(values) < 2 * LEVEL_RUNS:
        return []
    begins, ends = _stretches(len(values))
    tamed = _tamed(values)
    # The first of the same orders: as many as clear there as all may have at most are reason enough to stop.
    as_clear = round(_p_value(tamed, begins, ends, _FIRST_PERMUTATIONS) * (_FIRST_PERMUTATIONS + 1))
    if as_clear > alpha * (PERMUTATIONS + 1):
        return []
    p_value = _p_value(tamed, begins, ends, PERMUTATIONS)
    if p_value > alpha:
        return []
    clearest = int(np.argmax(_contrast(tamed, begins, ends)))
    cut = _clearer_end(tamed, int(begins[clearest]), int(ends[clearest]))
    return [
        *_search(values[:cut], first, alpha),
        Change(first + cut, p_value),
        *_search(values[cut:], first + cut, alpha),
    ]


def _p_value(values: Numbers, begins: Places, ends: Places, orders: int) -> float:
    """Of the clearest stretch: how often a random order has one as clear, the given order counted in."""
    from scipy import stats as scipy_stats  # noqa: PLC0415 - see `bench.core.values.stats`

    test = scipy_stats.permutation_test(
        (values,),
        lambda order, axis: _contrast(order, begins, ends).max(axis=axis),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=orders,
        batch=max(1, _MOST_CELLS // len(begins)),
        alternative="greater",
        rng=np.random.default_rng(_SEED),
    )
    return float(test.pvalue)


def _stretches(count: int) -> tuple[Places, Places]:
    """Begin and end of every stretch of runs: it, and what is left on either side, is a level or nothing."""
    begins, ends = np.triu_indices(count + 1, k=LEVEL_RUNS)
    before, after = begins, count - ends
    whole = ((before == 0) | (before >= LEVEL_RUNS)) & ((after == 0) | (after >= LEVEL_RUNS))
    kept = whole & (before + after > 0)
    return begins[kept], ends[kept]


def _tamed(values: Numbers) -> Numbers:
    """Distances from the median, with odd runs drawn in; their order does not matter to it."""
    from scipy import stats as scipy_stats  # noqa: PLC0415 - see `bench.core.values.stats`

    spread = max(LEAST_SD, float(scipy_stats.median_abs_deviation(values, scale="normal")))
    return np.clip(values - np.median(values), -ODD_SDS * spread, ODD_SDS * spread)


def _contrast(values: Numbers, begins: Places, ends: Places) -> Numbers:
    """How far each stretch lies from all other runs: Student's t but for what no order changes."""
    count, lengths = values.shape[-1], ends - begins
    sums = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    beyond = sums[..., ends] - sums[..., begins] - lengths / count * sums[..., -1:]
    return np.asarray(np.abs(beyond) * np.sqrt(count / (lengths * (count - lengths))))


def _clearer_end(values: Numbers, begin: int, end: int) -> int:
    """The end of a stretch at which the level changes more surely; the other is found when it is one, too."""

    def contrast(low: int, cut: int, high: int) -> float:
        left, right = values[low:cut], values[cut:high]
        if not len(left) or not len(right):
            return 0.0
        weight = np.sqrt(len(left) * len(right) / (len(left) + len(right)))
        return float(weight * abs(left.mean() - right.mean()))

    at_begin, at_end = contrast(0, begin, end), contrast(begin, end, len(values))
    return begin if at_begin >= at_end else end
