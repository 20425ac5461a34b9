"""Mean tier times of a run, from the difference of a histogram's sum and count before and after the load.

Format: https://prometheus.io/docs/concepts/metric_types/#histogram
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.core.config.stack_tiers import ServiceHistogram
from bench.core.config.tier_sources import TierName
from bench.core.values.units import MS_PER_UNIT


class HistogramTotal(NamedTuple):
    """The observations of a histogram since its service started."""

    duration_sum: float
    """Sum of the durations, in the unit of the histogram."""
    observations: float
    """Number of durations."""


class HistogramReading(NamedTuple):
    """The histograms of a stack at one moment."""

    at_s: float
    """Time of the reading, in seconds since the start of the run."""
    totals: Mapping[str, HistogramTotal]
    """Observations by tier; a tier without observations is missing."""


class TierMean(NamedTuple):
    """The time of a tier in a run."""

    mean_ms: float
    """Own time per message in milliseconds."""
    observations: int
    """Number of durations that the service counted."""


def tier_means(
    histograms: Mapping[TierName, ServiceHistogram],
    before: HistogramReading,
    after: HistogramReading,
    messages: int,
) -> tuple[dict[str, TierMean], list[str]]:
    """Return the mean own time of each tier per message, and a warning for each tier without one.

    Args:
        histograms: The declared histograms.
        before: The reading before the load.
        after: The reading after it.
        messages: Number of answered messages between the readings.
    """
    total_ms: dict[str, float] = {}
    observations: dict[str, int] = {}
    warnings: list[str] = []
    for tier, histogram in histograms.items():
        problem = _find_problem(before.totals.get(tier), after.totals.get(tier))
        if problem is not None or not messages:
            reason = problem or "no message was answered"
            warnings.append(
                f"the tier `{tier}` has no time: {histogram.series} of {histogram.service} {reason}"
            )
            continue
        start = before.totals.get(tier, HistogramTotal(0.0, 0.0))
        end = after.totals[tier]
        total_ms[tier] = (end.duration_sum - start.duration_sum) * MS_PER_UNIT[histogram.unit] / messages
        observations[tier] = round(end.observations - start.observations)
    means = {}
    for tier, tier_ms in total_ms.items():
        own_ms = tier_ms - _sum_of(histograms[tier].includes, total_ms)
        means[tier] = TierMean(max(0.0, own_ms), observations[tier])
    return means, warnings


def join_means(runs: Sequence[Mapping[str, TierMean]]) -> dict[str, TierMean]:
    """Return the means of consecutive runs as those of one, for the tiers that all runs have."""
    joined: dict[str, TierMean] = {}
    for tier in runs[0]:
        means = [run[tier] for run in runs if tier in run]
        if len(means) == len(runs):
            mean_ms = sum(mean.mean_ms for mean in means) / len(means)
            joined[tier] = TierMean(mean_ms, sum(mean.observations for mean in means))
    return joined


def _sum_of(tiers: Sequence[str], total_ms: Mapping[str, float]) -> float:
    return sum(total_ms.get(tier, 0.0) for tier in tiers)


def _find_problem(before: HistogramTotal | None, after: HistogramTotal | None) -> str | None:
    """Return why a histogram has no mean; `None` if it has one."""
    if after is None:
        return "has no values with this name and these labels"
    if before is not None and (
        after.observations < before.observations or after.duration_sum < before.duration_sum
    ):
        return "fell during the load, so the service was restarted or answers with several processes"
    if after.observations == (0.0 if before is None else before.observations):
        return "counted no duration during the load"
    return None
