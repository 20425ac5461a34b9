"""Judge thresholds on the requests of a run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from bench.core.limits.expression import Expression, ExpressionText, Method
from bench.core.limits.metric_names import require_metric
from bench.core.limits.threshold import Threshold
from bench.core.samples.metric import Metric, MetricKind
from bench.core.samples.metrics import RECOVERY, metric
from bench.core.samples.samples import Samples
from bench.core.values.record import Number, Record
from bench.core.values.units import Values

# A rate is the mean of zeros and ones. A percentile and the statistics of counters need more than the values.
_STATISTICS: dict[Method, Callable[[Values], np.floating | float]] = {
    "avg": np.mean,
    "min": np.min,
    "max": np.max,
    "med": np.median,
    "rate": np.mean,
}


def _check_metric(key: str) -> str:
    if key != RECOVERY:
        require_metric(key)
    return key


class ThresholdResult(Record):
    """A threshold with the value that it was judged on."""

    metric: Annotated[str, AfterValidator(_check_metric)]
    """Key of the metric."""
    expression: Annotated[ExpressionText, Field(alias="threshold")]
    """Condition that must hold."""
    value: Number | None
    """Measured value in the metric's unit; `None` if the run has no data for it."""
    crossed: bool
    """Whether the condition does not hold. Missing data crosses a threshold, because no request succeeded."""


def judge(
    thresholds: Mapping[str, Sequence[Threshold]], samples: Samples, elapsed_s: float
) -> tuple[ThresholdResult, ...]:
    """Judge every threshold on the requests of a run.

    Args:
        thresholds: Thresholds by metric.
        samples: Requests of the run.
        elapsed_s: Duration of the run in seconds.
    """
    answered = samples.without_cancelled()
    results: list[ThresholdResult] = []
    for key, limits in thresholds.items():
        row = metric(key)
        values = row.values(answered)
        results += judge_values(row, limits, values[~np.isnan(values)], elapsed_s)
    return tuple(results)


def judge_values(
    row: Metric, limits: Sequence[Threshold], values: Values, elapsed_s: float
) -> list[ThresholdResult]:
    """Judge the thresholds of one metric.

    Args:
        row: The metric.
        limits: Its thresholds.
        values: One value per request, in the metric's unit, without NaN.
        elapsed_s: Duration of the run in seconds.
    """
    results = []
    for limit in limits:
        value = aggregate(limit.expression, row.kind, values, elapsed_s)
        crossed = value is None or not limit.expression.holds(value)
        results.append(
            ThresholdResult(metric=row.key, expression=limit.expression, value=value, crossed=crossed)
        )
    return results


def aggregate(expression: Expression, kind: MetricKind, values: Values, elapsed_s: float) -> float | None:
    """Return the statistic that an expression names; `None` if there is no data for it.

    The `rate` of a counter is its sum per second. All other rates are shares from 0 to 1.
    """
    if kind is MetricKind.COUNTER:
        total = float(np.sum(values))
        if expression.method == "count":
            return total
        return total / elapsed_s if elapsed_s > 0 else None
    if not len(values):
        return None
    if expression.percentile is not None:
        return float(np.percentile(np.asarray(values), expression.percentile))
    return float(_STATISTICS[expression.method](values))
