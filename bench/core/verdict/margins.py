"""The tolerated change of each test: declared by the scenario, by the metric, or by default."""

from collections.abc import Mapping

from bench.core.limits.tolerance import Tolerance, tolerance_of
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.verdict.change import Margin
from bench.core.verdict.message_comparison import MessageKind

TIER_SHARE = 0.02
"""A tier's time may grow by this share of the response time: a smaller growth changes no wait of a user."""


def margin_of(
    key: str, tolerances: Mapping[str, Tolerance], default_ratio: float, response_ms: float | None
) -> Margin:
    """Return the margin of a metric.

    Args:
        key: The metric.
        tolerances: Tolerances of the scenario.
        default_ratio: Ratio of a metric for which neither the scenario nor the metric has one.
        response_ms: Typical response time of the base, if it is known: a tier may grow by a share of it.
    """
    tolerated = tolerance_of(key, tolerances, default_ratio)
    absolute = tolerated.absolute or 0.0
    if tolerated.absolute is None and metric(key).part in {Part.LOCATES, Part.EXPLAINS}:
        absolute = TIER_SHARE * (response_ms or 0.0)
    return Margin(tolerated.ratio, absolute)


def margin_of_group(kind: MessageKind, name: str, tolerances: Mapping[str, Tolerance]) -> Margin:
    """Return the margin of a message or of a class.

    Args:
        kind: Whether it is a message or a class.
        name: Id of the message, or name of the class.
        tolerances: Tolerances of the scenario.
    """
    tolerated = tolerance_of(f"{kind}.{name}", tolerances, 0.0)
    return Margin(tolerated.ratio, tolerated.absolute or 0.0)
