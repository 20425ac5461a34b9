"""What is compared of a run: figures by metric, and by message where a message can be paired with itself."""

from bench.core.run.summary import RunSummary
from bench.core.samples.metric import MetricKind, Part
from bench.core.samples.metrics import METRICS, metric, metric_of_tail, tail_key, tier_name

# A 95th percentile of fewer requests is that of a handful, and says next to nothing of the slowest.
TAIL_REQUESTS = 100
# What stands in place of a message's id where all of a run's requests are one figure.
ALL = "all"


def check_compared(key: str) -> None:
    """Refuse figures of what is not compared.

    Raises:
        ValueError: There is no such metric, or it is only shown.
    """
    if tier_name(key) is None and metric_of_tail(key) is None:
        row = METRICS.get(key)
        if row is None or row.kind is not MetricKind.TREND or row.part is Part.INFORMS:
            raise ValueError(f"there is no metric '{key}' that is compared")


def figures_of(summary: RunSummary) -> dict[str, dict[str, float]]:
    """What is compared of a run."""
    own = {
        key: each.figures
        for key, each in summary.metrics.items()
        if each.figures and metric(key).part is not Part.INFORMS
    }
    return own | {
        tail_key(key): {ALL: each.p95}
        for key, each in summary.metrics.items()
        if key in METRICS
        and metric_of_tail(tail_key(key))
        and each.count >= TAIL_REQUESTS
        and each.p95 is not None
    }
