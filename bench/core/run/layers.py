"""Tier times of a stack whose responses do not report them: each tier is called directly, with one message.

The time of a tier minus the time of the tier below it is the tier's own time. These calls are made without
load, so the times contain no waiting.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from bench.core.run.metric_summary import MetricSummary
from bench.core.samples.metrics import metric, tier_key
from bench.core.values import stats

# Replaces the id of a prompt in the figures of a tier that was called directly.
ALONE = "alone"
# Milliseconds of one round by tier, from the outermost tier inwards.
Round = Mapping[str, float]

# An inner tier that is slower than the outer one by this share did other work.
_OTHER_WORK_RATIO = 0.2
# In fewer rounds, one delay of the machine can make an inner tier slower.
_FEWEST_ROUNDS = 3


def compare_work(rounds: Sequence[Round]) -> list[str]:
    """Return a warning for each tier that is typically slower than the tier that calls it.

    Too few rounds give no warning.
    """
    if len(rounds) < _FEWEST_ROUNDS:
        return []
    warnings: list[str] = []
    for (outer, outer_ms), (inner, inner_ms) in pairwise(_typical_times(rounds).items()):
        if inner_ms > (1 + _OTHER_WORK_RATIO) * outer_ms + metric(tier_key(inner)).resolution:
            warnings.append(
                f"`{inner}` alone takes {inner_ms:.0f} ms and `{outer}`, which calls it, {outer_ms:.0f} ms: "
                "they did not do the same work; make the bodies of `layers` ask for the same model and length"
            )
    return warnings


def _typical_times(rounds: Sequence[Round]) -> dict[str, float]:
    times_ms: dict[str, list[float]] = {}
    for measured in rounds:
        for tier, time_ms in measured.items():
            times_ms.setdefault(tier, []).append(time_ms)
    return {tier: median(values) for tier, values in times_ms.items()}


def own_times(rounds: Sequence[Round]) -> dict[str, list[float]]:
    """Return the own time of each tier in each round, in milliseconds, at least 0."""
    own_ms: dict[str, list[float]] = {}
    for times_ms in rounds:
        below_ms = [*list(times_ms.values())[1:], 0.0]
        for (tier, total_ms), inner_ms in zip(times_ms.items(), below_ms, strict=True):
            own_ms.setdefault(tier, []).append(max(0.0, total_ms - inner_ms))
    return own_ms


def layer_metrics(rounds: Sequence[Round]) -> dict[str, MetricSummary]:
    """Return the tier times as metrics, in the form of reported tier times."""
    metrics: dict[str, MetricSummary] = {}
    for tier, times_ms in own_times(rounds).items():
        key = tier_key(tier)
        typical_ms = stats.typical(times_ms, metric(key).resolution)
        metrics[key] = MetricSummary(
            count=len(times_ms),
            mean=sum(times_ms) / len(times_ms),
            p50=stats.quantile(times_ms, 0.5),
            typical=typical_ms,
            figures={ALONE: typical_ms},
        )
    return metrics
