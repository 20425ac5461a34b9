"""Numbers in, numbers out. The formulas are scipy's and numpy's; here they only get the field's names.

`scipy.stats` takes half a second and 50 MB to import, and a run needs it for nothing: `scipy.special` has the
distributions, and who needs a whole test imports it then.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

from bench.core.values.units import Values

# A percentile is certified when fewer than two values lie beyond the true one with at most this probability.
UNCERTIFIED_TAIL = 0.01
_ROUNDING = 1e-9  # 1 - 0.9 is a little less than 0.1


def quantile(values: Values, probability: float) -> float | None:
    """Quantile by linear interpolation (type 7 of Hyndman and Fan, 1996).

    Returns:
        None when there are so few values that it could only be their maximum.
    """
    if len(values) * (1.0 - probability) < 1.0 - _ROUNDING:
        return None
    return float(np.quantile(values, probability))


def is_reliable(count: int, probability: float) -> bool:
    """Whether `count` values can carry this quantile.

    At least two must lie beyond the true quantile with 99 % confidence, so that a single outlier does not
    make it: 64 values for p90, 130 for p95, 662 for p99 (binomial tail).
    """
    return at_most(1, count, 1.0 - probability) <= UNCERTIFIED_TAIL


def at_least(count: int, total: int, share: float) -> float:
    """Probability of so many or more of a total, each with the same probability."""
    return 1.0 if count <= 0 else float(special.bdtrc(count - 1, total, share))


def at_most(count: int, total: int, share: float) -> float:
    """Probability of so many or fewer."""
    return 1.0 if count >= total else float(special.bdtr(count, total, share))


def started_log(value_ms: float, start_ms: float) -> float:
    """log(x + c): additive near zero, multiplicative far above c (Tukey, 1977, started logarithms).

    So that a tier of 2 ms that takes 3 ms is not called 50 % slower where 10 ms matter to nobody.
    """
    return math.log(value_ms + start_ms)


def typical(values_ms: Values, start_ms: float) -> float:
    """The mean on the started logarithm's scale, back in milliseconds: robust against a few slow requests."""
    # log1p and expm1 rather than started_log, so that nothing stays exactly nothing.
    return start_ms * math.expm1(float(np.mean(np.log1p(np.asarray(values_ms) / start_ms))))


def paired_change(head: Mapping[str, float], base: Mapping[str, float], start_ms: float) -> float:
    """Mean over the prompts that both have of the difference of their started logarithms.

    Raises:
        ValueError: They have no prompt in common.
    """
    common = sorted(head.keys() & base.keys())
    if not common:
        raise ValueError("no prompt in common")
    return float(
        np.mean([started_log(head[key], start_ms) - started_log(base[key], start_ms) for key in common])
    )


def shrunk_sd(residuals: Sequence[float], prior_sd: float, prior_df: int) -> tuple[float, int]:
    """Standard deviation of runs around their mean, pulled towards a prior, and its degrees of freedom.

    The scaled inverse chi-squared estimate of Smyth, 2004, "Linear models and empirical Bayes methods".
    """
    df = max(0, len(residuals) - 1)
    variance = float(np.var(residuals, ddof=1)) if df else 0.0
    total = prior_df + df
    return math.sqrt((prior_df * prior_sd**2 + df * variance) / total), total


def shrunk_slope(y: Values, x: Values, prior_runs: int) -> tuple[float, float]:
    """Slope of y on x, pulled towards 1 as by so many more points of that slope, and their correlation.

    Both are 0 where x does not vary.
    """
    away = np.asarray(x) - np.mean(x)
    squares = float(away @ away)
    if squares <= _ROUNDING**2:
        return 0.0, 0.0
    own = np.asarray(y) - np.mean(y)
    weight = len(away) - 1
    slope = (weight * float(away @ own) / squares + prior_runs) / (weight + prior_runs)
    size = math.sqrt(squares * float(own @ own))
    return slope, float(away @ own) / size if size > 0 else 0.0


def t_upper(t: float, df: int) -> float:
    """Probability of a Student t at least this large."""
    return float(special.stdtr(df, -t))


def t_quantile(probability: float, df: int) -> float:
    """The value below which a Student t lies with this probability."""
    return float(special.stdtrit(df, probability))


def smallest_detectable(standard_error: float, df: int, alpha: float, power: float) -> float:
    """The change that a one-sided t test at `alpha` finds with probability `power`, on the log scale."""
    return standard_error * (t_quantile(1.0 - alpha, df) + t_quantile(power, df))


def mean_interval(values: Values, confidence: float) -> tuple[float, float | None, float | None]:
    """The mean with its interval (Student's t); a single value has none."""
    mean = float(np.mean(values))
    if len(values) < 2:  # noqa: PLR2004 - one value says nothing about spread
        return mean, None, None
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = error * t_quantile((1.0 + confidence) / 2.0, len(values) - 1)
    return mean, mean - reach, mean + reach


def proportion_interval(count: int, total: int, confidence: float) -> tuple[float, float]:
    """The exact interval of a proportion (Clopper and Pearson, 1934)."""
    from scipy import stats as scipy_stats  # noqa: PLC0415 - see above

    interval = scipy_stats.binomtest(count, total).proportion_ci(confidence_level=confidence, method="exact")
    return float(interval.low), float(interval.high)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P values adjusted for testing all of them (Holm, 1979)."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, key in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        largest = max(largest, min(1.0, p_values[key] * (len(p_values) - rank)))
        adjusted[key] = largest
    return adjusted


def fisher_less(head_ok: int, head_failed: int, base_ok: int, base_failed: int) -> float:
    """Probability that the head's success is this low by chance (Fisher's exact test, one-sided)."""
    from scipy import stats as scipy_stats  # noqa: PLC0415 - see above

    table = np.array([[head_ok, head_failed], [base_ok, base_failed]])
    return float(scipy_stats.fisher_exact(table, alternative="less").pvalue)
