"""Checks of the metrics that files name."""

from collections.abc import Mapping

from bench.core.samples.cost_metrics import (
    OVERHEADS,
    RUN_METRICS,
    cost_metric,
    cpu_key,
    growth_key,
    memory_key,
    overhead_key,
    work_key,
)
from bench.core.samples.metrics import (
    METRICS,
    is_request_metric,
    metric,
    metric_of_tail,
    milestone_key,
    split_tags,
    tail_key,
    tier_key,
    tier_name,
)
from bench.core.values import wording
from bench.core.values.nearest import find_nearest
from bench.core.values.record import FieldError

# Metrics of k6, with the metric that has the same meaning here.
_K6_METRICS = {
    "http_req_duration": "e2e_ms",
    "http_req_failed": "success_ratio",
    "http_req_waiting": "ttft_ms",
    "http_reqs": "requests",
}

_SUFFIXES = ("_ms", "_ratio", "_bytes", "_rps")
"""Endings of keys that a person may leave out."""
_FAMILIES = (
    tier_key("<tier>"),
    milestone_key("<milestone>"),
    tail_key("e2e_ms"),
    *map(overhead_key, OVERHEADS),
    memory_key("<service>"),
    growth_key("<service>"),
    cpu_key("<service>"),
    work_key("<counter>"),
)
"""Keys of metrics that are made for a name."""


def complete_key(name: str) -> str:
    """Return the key of a metric by its name, with or without its unit: `e2e`, `tier.backend`, `p95.ttft`.

    Raises:
        FieldError: There is no such metric; the message suggests the nearest name and lists all.
    """
    bare, brace, tags = name.partition("{")
    is_complete = bare.endswith(_SUFFIXES)
    for suffix in ("",) if is_complete else ("", *_SUFFIXES):
        key = f"{bare}{suffix}{brace}{tags}"
        if _exists(key):
            return key
    raise _unknown_metric(name)


def require_metric(key: str) -> None:
    """Check that a metric exists; every tier, milestone, service and counter has one.

    Raises:
        FieldError: It does not; the message suggests the nearest name and lists all.
    """
    if not _exists(key):
        raise _unknown_metric(key)


def _exists(key: str) -> bool:
    """Return whether a key is that of a metric: of requests, steps, tiers, tails or costs."""
    try:
        base, _ = split_tags(key)
    except ValueError as error:
        raise FieldError((key,), str(error)) from error
    if is_request_metric(base) or tier_name(base):
        return True
    return metric_of_tail(key) is not None or cost_metric(key) is not None


def _unknown_metric(name: str) -> FieldError:
    names = [*METRICS, *RUN_METRICS]
    short_names = [key.rpartition("_")[0] for key in names if key.endswith(_SUFFIXES)]
    nearest = _K6_METRICS.get(name) or find_nearest(name, [*names, *short_names])
    suggestion = f"did you mean '{nearest}'? " if nearest else ""
    listed = wording.listing([*names, *_FAMILIES])
    return FieldError((name,), f"there is no metric '{name}'; {suggestion}metrics: {listed}")


def require_figures(key: str, figures: Mapping[str, float]) -> None:
    """Check that a metric exists and that the logarithm for comparisons is defined for each of its figures.

    Args:
        key: The metric.
        figures: Value by prompt, in the metric's unit.

    Raises:
        ValueError: The metric does not exist, or a figure is too small; the message names it.
    """
    require_metric(key)
    lowest = -metric(key).resolution
    for prompt, figure in figures.items():
        if figure <= lowest:
            raise ValueError(f"{key} of '{prompt}' is {figure:g}, and must be above {lowest:g}")
