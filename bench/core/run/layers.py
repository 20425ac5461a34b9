"""Where the time goes when answers do not say it: the same message to each tier by itself, in turns.

What a tier takes beyond the one below it is its own. No load is on the stack then, so waiting is not in it.
"""

from collections.abc import Mapping, Sequence

from bench.core.run.summary import MetricSummary
from bench.core.samples.metrics import metric, tier_key
from bench.core.values import stats

# What stands in place of a message's id in the figures of a tier that was asked by itself.
ALONE = "alone"
# By tier, from the outermost in, milliseconds of one round.
Round = Mapping[str, float]


def own_times(rounds: Sequence[Round]) -> dict[str, list[float]]:
    """What each tier takes beyond the one below it, in each round, in milliseconds; never below nothing."""
    own: dict[str, list[float]] = {}
    for each in rounds:
        below = [*list(each.values())[1:], 0.0]
        for (tier, whole_ms), inner_ms in zip(each.items(), below, strict=True):
            own.setdefault(tier, []).append(max(0.0, whole_ms - inner_ms))
    return own


def layer_metrics(rounds: Sequence[Round]) -> dict[str, MetricSummary]:
    """The tiers as metrics, like those of which answers say it themselves."""
    found = {}
    for tier, times_ms in own_times(rounds).items():
        key = tier_key(tier)
        typical_ms = stats.typical(times_ms, metric(key).smallest_change)
        found[key] = MetricSummary(
            count=len(times_ms),
            mean=sum(times_ms) / len(times_ms),
            p50=stats.quantile(times_ms, 0.5),
            typical=typical_ms,
            figures={ALONE: typical_ms},
        )
    return found
