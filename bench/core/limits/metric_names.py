"""Checks of the metrics that files name."""

from collections.abc import Mapping

from bench.core.samples.metrics import METRICS, is_request_metric, metric, split_tags, tier_name
from bench.core.values.nearest import find_nearest
from bench.core.values.record import FieldError

# Metrics of k6, with the metric that has the same meaning here.
_K6_METRICS = {
    "http_req_duration": "e2e_ms",
    "http_req_failed": "success_ratio",
    "http_req_waiting": "ttft_ms",
    "http_reqs": "requests",
}


def require_metric(key: str) -> None:
    """Check that a metric exists; every tier and every milestone has one.

    Raises:
        FieldError: It does not; the message suggests the nearest name and lists all.
    """
    if is_request_metric(key) or tier_name(key):
        return
    try:
        base, tags = split_tags(key)
    except ValueError as error:
        raise FieldError((key,), str(error)) from error
    if tags:
        require_metric(base)
        return
    nearest = _K6_METRICS.get(key) or find_nearest(key, METRICS)
    suggestion = f"did you mean '{nearest}'? " if nearest else ""
    raise FieldError(
        (key,),
        f"there is no metric '{key}'; {suggestion}metrics: {', '.join(METRICS)}, tier.<tier>_ms and "
        "milestone.<milestone>_ms",
    )


def require_figures(key: str, figures: Mapping[str, float]) -> None:
    """Check that a metric exists and that the logarithm for comparisons is defined for each of its figures.

    Args:
        key: The metric.
        figures: Value by prompt, in the metric's unit.

    Raises:
        ValueError: The metric does not exist, or a figure is too small; the message names it.
    """
    require_metric(key)
    lowest = -metric(key).smallest_change
    for prompt, figure in figures.items():
        if figure <= lowest:
            raise ValueError(f"{key} of '{prompt}' is {figure:g}, and must be above {lowest:g}")
