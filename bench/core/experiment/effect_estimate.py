"""Estimate the effect of a variant in blocks: base and variants, measured directly after each other.

Each block has one run of the base and one of each variant. The distance of a block is the logarithm of
variant divided by base, or the difference of two shares:

    effect = robust mean of the distances (Huber, 1964), or the pooled percentiles of both sides
    s²     = max(variance, (d₀ s₀² + (n - 1) variance) / (d₀ + n - 1))   (Smyth, 2004)
    error  = s / √n, with d₀ + n - 1 degrees of freedom

The prior is that of pairs of runs. For a share, the error is at least that of the pooled counts, with one
success and one failure more on each side (Agresti and Caffo, 2000).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.core.experiment.claim_range import ClaimScale
from bench.core.experiment.quantities import (
    PERCENTILES,
    TYPICAL,
    Quantity,
    count_of,
    latency_of,
    value_of,
)
from bench.core.run.figures import Figures
from bench.core.run.messages import mix_messages
from bench.core.run.summary import RunSummary
from bench.core.run.tails import Tail
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.values import stats
from bench.core.verdict.pairs import COST_PRIOR_SD, PAIR_PRIOR_DF, PAIR_PRIOR_SD, pair_up
from bench.core.verdict.tails import compare_tails, count_tails, spread_of_pairs

FEWEST_BLOCKS = 3
"""Fewest blocks with an effect."""
_START_SHARE = 1e-4  # keeps the logarithm of 0 finite
_NONE = 1e-9


class SideValues(NamedTuple):
    """The value of each side over all blocks."""

    base: float
    variant: float


@dataclass(frozen=True, slots=True)
class EffectEstimate:
    """An estimated effect, or an estimated value of the variant."""

    scale: ClaimScale
    """Scale of the estimate."""
    point: float
    """The estimate."""
    error: float
    """Its standard error, towards smaller values."""
    upper_error: float
    """Its standard error, towards larger values."""
    df: float
    """Degrees of freedom of both."""
    values: SideValues
    """The values of the two sides, in the unit."""

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the interval that misses the truth with a probability of `alpha`, half of it at each end."""
        reach = stats.t_quantile(1.0 - alpha / 2.0, self.df)
        return self.point - reach * self.error, self.point + reach * self.upper_error


def estimate_effect(
    quantity: Quantity, base: Sequence[RunSummary], variant: Sequence[RunSummary]
) -> EffectEstimate | str | None:
    """Return the effect of a variant on a quantity.

    Args:
        quantity: The quantity.
        base: The run of the base in each block.
        variant: The run of the variant in each block.

    Returns:
        Why the effect is unknown, in words; None if the runs do not have the quantity.
    """
    probability = PERCENTILES.get(quantity.statistic or "")
    if probability is not None:
        return _estimate_percentile(quantity, probability, base, variant)
    pairs: list[SideValues] = []
    for base_run, variant_run in zip(base, variant, strict=True):
        base_value = value_of(base_run, quantity)
        variant_value = value_of(variant_run, quantity)
        if base_value is not None and variant_value is not None:
            pairs.append(SideValues(base_value, variant_value))
    if not pairs:
        return None
    if len(pairs) < FEWEST_BLOCKS:
        return f"{len(pairs)} blocks have it, {FEWEST_BLOCKS} are needed"
    if quantity.is_share:
        return _estimate_difference(quantity, base, variant, pairs)
    distances = _list_distances(quantity, base, variant, pairs)
    prior_sd = COST_PRIOR_SD if quantity.is_cost else PAIR_PRIOR_SD
    point, error, df = _locate(distances, prior_sd**2)
    return EffectEstimate(ClaimScale.RATIO, point, error, error, df, _middles(pairs))


def _list_distances(
    quantity: Quantity,
    base: Sequence[RunSummary],
    variant: Sequence[RunSummary],
    pairs: Sequence[SideValues],
) -> list[float]:
    """Return the log ratio of variant and base in each block."""
    if quantity.statistic == TYPICAL:
        by_message = _pair_messages(quantity.key, base, variant)
        if len(by_message) >= FEWEST_BLOCKS:
            return by_message
    start = _choose_start(quantity, [value for pair in pairs for value in pair])
    distances: list[float] = []
    for base_value, variant_value in pairs:
        if min(base_value, variant_value) + start > 0.0:
            distances.append(math.log((variant_value + start) / (base_value + start)))
    return distances


def _choose_start(quantity: Quantity, values: Sequence[float]) -> float:
    """Return c of the scale log(x + c); a counter may have any unit, so its largest value decides."""
    return _START_SHARE * max(values) if quantity.is_cost else quantity.resolution


def _pair_messages(key: str, base: Sequence[RunSummary], variant: Sequence[RunSummary]) -> list[float]:
    """Return the distances of the blocks, paired by message; empty if no message is on both sides."""
    mix = mix_messages(run.messages for run in (*base, *variant))
    base_figures = [_figures_of(run, key) for run in base]
    variant_figures = [_figures_of(run, key) for run in variant]
    paired = pair_up(RESPONSE_TIME, base_figures, variant_figures, mix.requests, mix.refusals)
    if paired is None:
        return []
    distances = paired.distances(paired.everything)[:, 0]
    return [float(distance) for distance in distances[~np.isnan(distances)]]


def _figures_of(run: RunSummary, key: str) -> Figures:
    row = latency_of(run, key)
    return {} if row is None else row.figures


def _locate(distances: Sequence[float], prior_variance: float) -> tuple[float, float, float]:
    """Return the location of some distances, its standard error, and the degrees of freedom."""
    count = len(distances)
    locations, variances = stats.robust_means(np.array(distances)[:, np.newaxis])
    variance, df = stats.moderate(float(variances[0]), count - 1, prior_variance, PAIR_PRIOR_DF)
    return float(locations[0]), math.sqrt(variance / count), df


def _middles(pairs: Sequence[SideValues]) -> SideValues:
    """Return the median value of each side."""
    base, variant = np.median(np.array(pairs), axis=0).tolist()
    return SideValues(base, variant)


def _estimate_difference(
    quantity: Quantity,
    base: Sequence[RunSummary],
    variant: Sequence[RunSummary],
    pairs: Sequence[SideValues],
) -> EffectEstimate:
    """Return the difference of two shares."""
    base_share = _pool(quantity, base)
    variant_share = _pool(quantity, variant)
    differences = [pair.variant - pair.base for pair in pairs]
    chance = _binomial_variance(base_share) + _binomial_variance(variant_share)
    _, error, df = _locate(differences, chance * len(pairs))
    error = max(error, math.sqrt(chance))
    values = SideValues(base_share.ratio, variant_share.ratio)
    return EffectEstimate(ClaimScale.POINTS, values.variant - values.base, error, error, df, values)


class _PooledShare(NamedTuple):
    successes: float
    total: int

    @property
    def ratio(self) -> float:
        return self.successes / max(1, self.total)


def _pool(quantity: Quantity, runs: Sequence[RunSummary]) -> _PooledShare:
    successes = 0.0
    total = 0
    for run in runs:
        share = value_of(run, quantity)
        if share is not None:
            count = count_of(run, quantity)
            successes += share * count
            total += count
    return _PooledShare(successes, total)


def _binomial_variance(share: _PooledShare) -> float:
    total = share.total + 2
    ratio = (share.successes + 1.0) / total
    return ratio * (1.0 - ratio) / total


def _estimate_percentile(
    quantity: Quantity, probability: float, base: Sequence[RunSummary], variant: Sequence[RunSummary]
) -> EffectEstimate | str | None:
    """Return the change of a percentile, pooled over the runs of each side."""
    base_tails: list[Tail] = []
    variant_tails: list[Tail] = []
    for base_run, variant_run in zip(base, variant, strict=True):
        base_tail = _count_all(base_run, quantity.key)
        variant_tail = _count_all(variant_run, quantity.key)
        if base_tail is not None and variant_tail is not None:
            base_tails.append(base_tail)
            variant_tails.append(variant_tail)
    blocks = len(base_tails)
    if not blocks:
        return None
    if blocks < FEWEST_BLOCKS:
        return f"{blocks} blocks have it, {FEWEST_BLOCKS} are needed"
    base_counts = count_tails(base_tails)
    variant_counts = count_tails(variant_tails)
    fewest = min(base_counts.total, variant_counts.total)
    if not stats.is_reliable(fewest, probability):
        return f"{fewest} requests are too few for {quantity.statistic}"
    start = quantity.resolution
    change = compare_tails(base_counts, variant_counts, start, probability)
    spread = spread_of_pairs(base_counts, variant_counts, start, probability)
    prior = PAIR_PRIOR_SD**2 / blocks
    lower, df = stats.moderate(spread, blocks - 1, change.chance + prior, PAIR_PRIOR_DF)
    upper, _ = stats.moderate(spread, blocks - 1, change.upper_chance + prior, PAIR_PRIOR_DF)
    values = SideValues(change.base, change.head)
    return EffectEstimate(ClaimScale.RATIO, change.log_change, math.sqrt(lower), math.sqrt(upper), df, values)


def _count_all(run: RunSummary, key: str) -> Tail | None:
    """Return all durations of a run."""
    row = latency_of(run, key)
    if row is None or row.histogram is None:
        return None
    return Tail(total=row.count, censored=row.censored, counts=row.histogram.counts)


def estimate_level(
    quantity: Quantity, runs: Sequence[RunSummary], alpha: float
) -> tuple[float, float, float] | str | None:
    """Return the value of a side with its interval, in the unit of the quantity.

    A share has the exact interval of its counts (Clopper and Pearson, 1934), widened if the runs differ by
    more than chance (McCullagh and Nelder, 1989, overdispersion). Another value has Student's interval of its
    logarithm over the runs.

    Args:
        quantity: The quantity.
        runs: The runs of the side.
        alpha: Probability that the interval misses the truth.

    Returns:
        Why the value is unknown, in words; None if the runs do not have the quantity.
    """
    values: list[float] = []
    for run in runs:
        value = value_of(run, quantity)
        if value is not None:
            values.append(value)
    if not values:
        return None
    if len(values) < FEWEST_BLOCKS:
        return f"{len(values)} runs have it, {FEWEST_BLOCKS} are needed"
    if quantity.is_share:
        return _share_interval(quantity, runs, values, alpha)
    start = _choose_start(quantity, values)
    logarithms = [math.log(max(0.0, value) + start) for value in values]
    prior_sd = COST_PRIOR_SD if quantity.is_cost else PAIR_PRIOR_SD
    point, error, df = _locate(logarithms, prior_sd**2)
    reach = stats.t_quantile(1.0 - alpha / 2.0, df) * error
    return math.exp(point) - start, math.exp(point - reach) - start, math.exp(point + reach) - start


def _share_interval(
    quantity: Quantity, runs: Sequence[RunSummary], values: Sequence[float], alpha: float
) -> tuple[float, float, float]:
    pooled = _pool(quantity, runs)
    ratio = pooled.ratio
    chance = ratio * (1.0 - ratio)
    dispersion = 1.0
    if chance > _NONE:
        per_run = pooled.total / len(values)
        dispersion = max(1.0, float(np.var(values, ddof=1)) * per_run / chance)
    total = max(1, round(pooled.total / dispersion))
    low, high = stats.proportion_interval(min(total, round(ratio * total)), total, 1.0 - alpha)
    return ratio, low, high
