"""Statistics of response times and successes. The formulas are those of scipy and numpy.

Importing `scipy.stats` takes half a second and 50 MB, and `scipy.special`, which has the distributions, half
of both. Most processes do not need them, so the functions that do import them themselves.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from bench.core.values.units import FloatArray, Values

# A percentile is reliable if fewer than two values lie beyond the true one with at most this probability.
UNRELIABLE_TAIL = 0.01
ROBUST_FROM = 5
"""Fewest values from which an outlier can be told from the others."""
HUBER_LIMIT = 1.5
"""Standard deviations from the location beyond which a value counts less."""
_MAD_TO_SD = 1.4826  # standard deviation of a normal distribution, in median absolute deviations
_ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_HUBER_STEPS = 3
_ROUNDING = 1e-9  # 1 - 0.9 is slightly smaller than 0.1


def quantile(values: Values, probability: float) -> float | None:
    """Return a quantile by linear interpolation (type 7 of Hyndman and Fan, 1996).

    Returns:
        None if there are so few values that the quantile would be their maximum.
    """
    return float(np.quantile(values, probability)) if has_quantile(len(values), probability) else None


def quantile_of_ascending(values: FloatArray, probability: float) -> float:
    """Return the same quantile of sorted values, of which there is at least one."""
    position = (len(values) - 1) * probability
    rank = int(position)
    lower = float(values[rank])
    fraction = position - rank
    return lower + fraction * (float(values[rank + 1]) - lower) if fraction else lower


def quantile_interval(
    values: Values, probability: float, confidence: float
) -> tuple[float | None, float | None]:
    """Return the interval of a quantile from order statistics; None for an end beyond all values.

    The number of values below the true quantile has a binomial distribution, whatever their distribution is.
    """
    from scipy.special import bdtrik  # noqa: PLC0415 - see above

    tail = (1.0 - confidence) / 2
    count = len(values)
    if not count:
        return None, None
    lower = math.ceil(bdtrik(tail, count, probability))
    upper = math.ceil(bdtrik(1.0 - tail, count, probability)) + 1
    ascending = np.sort(values)
    low = float(ascending[lower - 1]) if lower >= 1 else None
    return low, float(ascending[upper - 1]) if upper <= count else None


def round_up(least: float) -> float:
    """Return the next round number from a positive one on: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in _ROUND_STEPS if step * power >= least * (1.0 - _ROUNDING))


def has_quantile(count: int, probability: float) -> bool:
    """Return whether a quantile of `count` values is not their maximum: at least one value is beyond it."""
    return count * (1.0 - probability) >= 1.0 - _ROUNDING


def kaplan_meier(complete: Values, longer_than: Values) -> tuple[FloatArray, float]:
    """Return the weight of each complete value, and the weight of the values above all that are complete.

    The product-limit estimator of Kaplan and Meier, 1958, "Nonparametric estimation from incomplete
    observations", as Efron, 1967, "The two sample problem with censored data", describes it: each value has
    the weight 1/n, and one that is only known to be longer than its bound passes its weight on, in equal
    parts, to all values to its right. Without bounds, every weight is 1/n.

    Args:
        complete: Values that were measured to their end, ascending.
        longer_than: Lower bounds of the other values, in any order.

    Returns:
        Weights in the order of `complete`, and the rest, which no complete value can have. Their sum is 1.
    """
    bounds_beyond = len(longer_than) - np.searchsorted(np.sort(longer_than), complete, side="left")
    at_risk = np.arange(len(complete), 0, -1) + bounds_beyond
    survival = np.concatenate([[1.0], np.cumprod(1.0 - 1.0 / at_risk)])
    return survival[:-1] / at_risk, float(survival[-1])


def is_reliable(count: int, probability: float) -> bool:
    """Check whether a quantile of `count` values is more than the effect of one outlier.

    At least two values must lie beyond the true quantile with 99 % confidence (binomial tail). This takes 64
    values for p90, 130 for p95 and 662 for p99.
    """
    if not count:
        return False
    # P(X ≤ 1) for X ~ Binomial(count, 1 - probability), without the import of scipy.
    none_beyond = probability**count
    one_beyond = count * (1.0 - probability) * probability ** (count - 1)
    return none_beyond + one_beyond <= UNRELIABLE_TAIL


def binomial_upper_tail(count: int, total: int, share: float) -> float:
    """Return P(X ≥ count) for X ~ Binomial(total, share)."""
    if count <= 0:
        return 1.0
    from scipy import special  # noqa: PLC0415 - see above

    return float(special.bdtrc(count - 1, total, share))


def binomial_lower_tail(count: int, total: int, share: float) -> float:
    """Return P(X ≤ count) for X ~ Binomial(total, share)."""
    if count >= total:
        return 1.0
    from scipy import special  # noqa: PLC0415 - see above

    return float(special.bdtr(count, total, share))


def started_log(value_ms: float, start_ms: float) -> float:
    """Return log(x + c) (Tukey, 1977, started logarithms): additive near zero, multiplicative far above c.

    On this scale a tier that takes 3 ms instead of 2 ms is not 50 % slower if c is 10 ms.
    """
    return math.log(value_ms + start_ms)


def typical(values_ms: Values, start_ms: float, weights: Sequence[int] | None = None) -> float:
    """Return the mean on the scale of started logarithms, in milliseconds: c·(exp(mean(log(1 + x/c))) - 1).

    A few slow requests change it little.

    Args:
        values_ms: The values.
        start_ms: c of the started logarithm.
        weights: Weight of each value; `None` if all have the same.
    """
    # log1p and expm1 map 0 to exactly 0, unlike started_log.
    logarithms = np.log1p(np.asarray(values_ms) / start_ms)
    return start_ms * math.expm1(float(np.average(logarithms, weights=weights)))


def robust_means(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the location of each column, and the variance of a single value, with little effect of outliers.

    The M-estimate of Huber, 1964, "Robust estimation of a location parameter", whose scale is the median
    absolute deviation. A value further from the location than 1.5 standard deviations counts as if it were
    at that limit. Below five values, which cannot show an outlier, it is the mean. Adding a constant to a
    column adds it to the location and does not change the variance. The order of the values is irrelevant.

    Args:
        columns: Values by row and column; NaN where a column has no value. Each column has a value.
    """
    ordered = np.sort(columns, axis=0)  # also makes sums independent of the order; NaN is last
    present = ~np.isnan(ordered)
    counts = present.sum(axis=0)
    values = np.where(present, ordered, 0.0)
    means = values.sum(axis=0) / counts
    deviations = np.where(present, ordered - means, 0.0)
    variances = (deviations**2).sum(axis=0) / np.maximum(counts - 1, 1)
    if len(columns) < ROBUST_FROM:
        return means, variances
    locations = medians(ordered)
    spreads = medians(np.sort(np.abs(ordered - locations), axis=0))
    limits = HUBER_LIMIT * _MAD_TO_SD * spreads * (1.0 + 1.0 / counts)
    # More than half of the values are equal if the limit is 0.
    is_robust = (counts >= ROBUST_FROM) & (limits > _ROUNDING)
    for _ in range(_HUBER_STEPS):
        clipped = np.where(present, np.clip(ordered - locations, -limits, limits), 0.0)
        inside = (present & (np.abs(clipped) < limits)).sum(axis=0)
        locations = locations + clipped.sum(axis=0) / np.maximum(inside, counts / 2)
    clipped = np.where(present, np.clip(ordered - locations, -limits, limits), 0.0)
    shares = np.maximum(0.5, (present & (np.abs(clipped) < limits)).sum(axis=0) / counts)
    clipped_variances = (clipped**2).sum(axis=0) / np.maximum(counts - 1, 1) / shares**2
    return np.where(is_robust, locations, means), np.where(is_robust, clipped_variances, variances)


def medians(ascending: FloatArray) -> FloatArray:
    """Return the median of each column, whose values are sorted, with NaN last where there are fewer."""
    counts = (~np.isnan(ascending)).sum(axis=0)
    columns = np.arange(ascending.shape[1])
    middle: FloatArray = (ascending[(counts - 1) // 2, columns] + ascending[counts // 2, columns]) / 2.0
    return middle


def moderate(variance: float, df: float, prior_variance: float, prior_df: float) -> tuple[float, float]:
    """Return a variance that is shrunk towards a prior, but never below itself, and its degrees of freedom.

    Smyth, 2004, "Linear models and empirical Bayes methods": (d₀·s₀² + d·s²) / (d₀ + d). A small variance of
    few values is often chance, so the prior raises it. A large one may be the truth, so it stays.
    """
    total_df = prior_df + df
    shrunk = (prior_df * prior_variance + df * variance) / total_df
    return max(variance, shrunk), total_df


def t_upper(t: float, df: float) -> float:
    """Return P(T ≥ t) for Student's t distribution."""
    from scipy import special  # noqa: PLC0415 - see above

    return float(special.stdtr(df, -t))


@lru_cache(maxsize=4096)
def t_quantile(probability: float, df: float) -> float:
    """Return the quantile of Student's t distribution."""
    from scipy import special  # noqa: PLC0415 - see above

    return float(special.stdtrit(df, probability))


def mean_interval(values: Values, confidence: float) -> tuple[float, float | None, float | None]:
    """Return the mean and its confidence interval (Student's t); a single value has no interval."""
    mean = float(np.mean(values))
    count = len(values)
    if count <= 1:
        return mean, None, None
    standard_error = float(np.std(values, ddof=1)) / math.sqrt(count)
    half_width = standard_error * t_quantile((1.0 + confidence) / 2.0, count - 1)
    return mean, mean - half_width, mean + half_width


def proportion_interval(count: int, total: int, confidence: float) -> tuple[float, float]:
    """Return the exact confidence interval of a proportion (Clopper and Pearson, 1934)."""
    from scipy import stats as scipy_stats  # noqa: PLC0415 - see above

    interval = scipy_stats.binomtest(count, total).proportion_ci(confidence_level=confidence, method="exact")
    return float(interval.low), float(interval.high)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p values that are adjusted for testing all of them (Holm, 1979)."""
    ordered = sorted(p_values, key=lambda key: (p_values[key], key))
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, key in enumerate(ordered):
        remaining_tests = len(p_values) - rank
        largest = max(largest, min(1.0, p_values[key] * remaining_tests))
        adjusted[key] = largest
    return adjusted


def fisher_less(head_ok: int, head_failed: int, base_ok: int, base_failed: int) -> float:
    """Return the probability that chance alone makes the head's success this low (Fisher's exact test)."""
    from scipy import stats as scipy_stats  # noqa: PLC0415 - see above

    table = np.array([[head_ok, head_failed], [base_ok, base_failed]])
    return float(scipy_stats.fisher_exact(table, alternative="less").pvalue)
