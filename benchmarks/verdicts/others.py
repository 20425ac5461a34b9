"""Rules of other tools, from their published sources, on the run means that they would store.

| rule | source |
| --- | --- |
| ratio | github-action-benchmark 1.20, `alert-threshold`, default 200 %, against the previous run |
| t test | Bencher 0.5, `lib/bencher_boundary`: mean + t quantile x population deviation |
| Mann-Whitney | benchstat, golang.org/x/perf `benchmath`: two-sided U test, alpha .05 |
| history | rustc-perf, `site/src/comparison.rs`: Q3 + 3 x IQR of the changes between adjacent runs |
| change points | Apache Otava 0.8: E-divisive means (Matteson and James, 2014) with a t test, p < .001 |
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from scipy import special

from .world import Floats

BENCHER_BOUNDARY = 0.95
BENCHSTAT_ALPHA = 0.05
_EXACT_RANKS = 50
RATIO_110, RATIO_200 = 1.1, 2.0
_RUSTC_FEWEST, _RUSTC_DEFAULT, _RUSTC_IQR = 50, 0.002, 3.0
_OTAVA_WINDOW, _OTAVA_P, _OTAVA_WEAK = 50, 0.001, 10.0


def ratio(base: Floats, head: Floats, limit: float) -> bool:
    """Compare the newest value with the previous one, as github-action-benchmark does."""
    return float(head[-1]) > limit * float(base[-1])


def bencher(base: Floats, head: Floats) -> bool:
    """Compare a report with Bencher's `t_test` boundary; iterations are folded to their mean."""
    mean = float(base.mean())
    reach = float(special.stdtrit(len(base) - 1, BENCHER_BOUNDARY)) * float(base.std())
    return float(head.mean()) > mean + reach


def benchstat(base: Floats, head: Floats) -> bool:
    """Compare medians if benchstat's U test is significant; each run is a sample."""
    if float(np.median(head)) <= float(np.median(base)):
        return False
    return _rank_p_value(base, head) < BENCHSTAT_ALPHA


def requests_rank(base: Floats, head: Floats) -> bool:
    """Apply the same test to the requests of two runs, as if these were independent."""
    return float(np.median(head)) > float(np.median(base)) and _rank_p_value(base, head) < BENCHSTAT_ALPHA


def _rank_p_value(base: Floats, head: Floats) -> float:
    """Return the p value of the two-sided U test (Mann and Whitney, 1947): exact up to 50 values."""
    ranks = np.argsort(np.argsort(np.concatenate([base, head])))
    pairs = len(base) * len(head)
    u = float(ranks[len(base) :].sum()) - len(head) * (len(head) - 1) / 2.0
    larger = max(u, pairs - u)
    if len(base) + len(head) <= _EXACT_RANKS:
        counts = _rank_counts(len(base), len(head))
        return min(1.0, 2.0 * float(counts[round(larger) :].sum() / counts.sum()))
    sd = math.sqrt(pairs * (len(base) + len(head) + 1) / 12.0)
    return min(1.0, 2.0 * float(special.ndtr(-(larger - pairs / 2.0 - 0.5) / sd)))


@cache
def _rank_counts(base: int, head: int) -> Floats:
    """Return the number of orders of two samples with each value of U."""
    if base == 0 or head == 0:
        return np.ones(1)
    counts = np.zeros(base * head + 1)
    from_base = _rank_counts(base - 1, head)
    from_head = _rank_counts(base, head - 1)
    counts[head : head + len(from_base)] += from_base
    counts[: len(from_head)] += from_head
    return counts


def rustc_perf(history: Floats, head: Floats) -> bool:
    """Compare a run with its parent; a change is significant above the usual changes between commits."""
    change = float(head[0]) / float(history[-1]) - 1.0
    return change >= _rustc_threshold(history[-100:])


def otava(history: Floats, head: Floats) -> bool:
    """Search for change points; a regression begins at one of the new runs and is slower than before."""
    series = np.concatenate([history, head])
    for point in change_points(series):
        if point >= len(history) and _means(series, point, (0, len(series)))[1] > 0:
            return True
    return False


def _rustc_threshold(history: Floats) -> float:
    if len(history) < _RUSTC_FEWEST:
        return _RUSTC_DEFAULT
    changes = np.sort(np.abs(np.diff(history)) / history[:-1])
    half = len(changes) // 2
    even = len(changes) % 2 == 0
    # The source leaves out the values of the median, and one more on each side if their number is even.
    low = changes[: half - 1] if even else changes[:half]
    high = changes[half + 1 :]
    first, third = _upper_median(low), _upper_median(high)
    return third + (third - first) * _RUSTC_IQR


def _upper_median(ascending: Floats) -> float:
    middle = len(ascending) // 2
    if len(ascending) % 2:
        return float(ascending[middle])
    return float(ascending[(len(ascending) - 1) // 2] + ascending[middle]) / 2.0


def change_points(series: Floats) -> list[int]:
    """Return the first run after each change, by Otava's rule with its defaults: split, then merge."""
    weak: set[int] = set()
    start = 0
    step = _OTAVA_WINDOW // 2
    while start < len(series):
        end = min(start + _OTAVA_WINDOW, len(series))
        points = [start + point for point in _split(series[start:end], _OTAVA_P * _OTAVA_WEAK)]
        weak.update(points)
        start = max(max(points, default=0), start + step)
    return _merge(series, sorted(weak))


def _split(window: Floats, level: float) -> list[int]:
    """Divide a window at its clearest change as long as that change is significant."""
    points: list[int] = []
    distances = np.abs(window[:, np.newaxis] - window[np.newaxis, :])
    while True:
        bounds = [0, *points, len(window)]
        best: tuple[float, int, tuple[int, int]] | None = None
        for interval in pairwise(bounds):
            candidate = _candidate(distances, interval)
            if candidate is not None and (best is None or candidate[0] > best[0]):
                best = (*candidate, interval)
        if best is None or _means(window, best[1], best[2])[0] >= level:
            return points
        points = sorted([*points, best[1]])


def _candidate(distances: Floats, interval: tuple[int, int]) -> tuple[float, int] | None:
    """Return the largest divergence of two neighbouring parts of an interval, and where the second begins.

    Q(X, Y) = 2/(m+n) sum |x - y| - 2m/((m+n)(n-1)) sum |x - x'| - 2n/((m+n)(m-1)) sum |y - y'|, where Y may
    end before the interval does.
    """
    start, end = interval
    size = end - start
    if size < 2:  # noqa: PLR2004 - two parts
        return None
    part = distances[start:end, start:end]
    total = np.zeros((size + 1, size + 1))
    total[1:, 1:] = part.cumsum(axis=0).cumsum(axis=1)
    within = np.diagonal(total) / 2.0
    cut = np.arange(1, size)[:, np.newaxis]
    stop = np.arange(2, size + 1)[np.newaxis, :]
    n = cut.astype(float)
    m = (stop - cut).astype(float)
    across = total[cut, stop] - total[cut, cut]
    right = within[stop] - within[cut] - across
    left = within[cut]
    with np.errstate(divide="ignore", invalid="ignore"):
        quality = 2.0 / (m + n) * across
        quality = quality - np.where(n > 1, 2.0 * m / ((m + n) * (n - 1)) * left, 0.0)
        quality = quality - np.where(m > 1, 2.0 * n / ((m + n) * (m - 1)) * right, 0.0)
    quality = np.where(m > 0, quality, 0.0)
    best = int(np.argmax(quality))
    row, column = divmod(best, quality.shape[1])
    return float(quality[row, column]), start + row + 1


def _means(series: Floats, point: int, interval: tuple[int, int]) -> tuple[float, float]:
    """Return the p value of a two-sided t test of both sides of a point, and the change of the mean."""
    left = series[interval[0] : point]
    right = series[point : interval[1]]
    df = len(left) + len(right) - 2
    change = float(right.mean() - left.mean())
    if df <= 0:
        return 1.0, change
    # The source passes population deviations to scipy's test, which expects those of a sample.
    squares = (len(left) - 1) * float(left.var()) + (len(right) - 1) * float(right.var())
    error = math.sqrt(squares / df * (1.0 / len(left) + 1.0 / len(right)))
    if error == 0.0:
        return (1.0 if change == 0.0 else 0.0), change
    return 2.0 * float(special.stdtr(df, -abs(change) / error)), change


def _merge(series: Floats, weak: Sequence[int]) -> list[int]:
    """Remove the weakest change points until all are significant.

    After a removal, the source tests the two points behind it again, and not the one before it.
    """
    points = list(weak)
    p_values = [_p_value(series, points, number) for number in range(len(points))]
    while points:
        weakest = int(np.argmax(p_values))
        if p_values[weakest] < _OTAVA_P:
            break
        del points[weakest]
        del p_values[weakest]
        for number in range(weakest, min(weakest + 2, len(points))):
            p_values[number] = _p_value(series, points, number)
    return points


def _p_value(series: Floats, points: Sequence[int], number: int) -> float:
    bounds = [0, *points, len(series)]
    return _means(series, points[number], (bounds[number], bounds[number + 2]))[0]
