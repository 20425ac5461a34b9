"""Metrics of tiers that have one mean per run, from the histograms of their services."""

from collections.abc import Mapping

from bench.core.run.figures import ALL
from bench.core.run.metric_summary import MetricSummary
from bench.core.samples.metrics import UNATTRIBUTED, tier_key
from bench.core.tiers.histogram_means import TierMean


def mean_metrics(
    means: Mapping[str, TierMean], service: MetricSummary | None, remainder: str | None
) -> dict[str, MetricSummary]:
    """Return the means as metrics, with one figure for all messages.

    Args:
        means: Own time of each tier.
        service: The service time of the run's requests.
        remainder: Tier that gets the rest of the service time; `None` for unattributed time.
    """
    metrics: dict[str, MetricSummary] = {}
    for tier, measured in means.items():
        metrics[tier_key(tier)] = _summary(measured.mean_ms, measured.observations)
    if means and service is not None:
        rest_ms = service.mean - sum(measured.mean_ms for measured in means.values())
        name = UNATTRIBUTED if remainder is None or remainder in means else remainder
        metrics[tier_key(name)] = _summary(max(0.0, rest_ms), service.count)
    return metrics


def _summary(mean_ms: float, count: int) -> MetricSummary:
    return MetricSummary(count=count, mean=mean_ms, typical=mean_ms, figures={ALL: mean_ms})
