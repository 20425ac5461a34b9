"""Judge thresholds on the requests of a run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from bench.core.limits.expression import Expression, ExpressionText, Method, Operator
from bench.core.limits.metric_names import require_metric
from bench.core.limits.threshold import Threshold
from bench.core.samples.coverage import Coverage
from bench.core.samples.metric import Metric, MetricKind, Part
from bench.core.samples.metrics import RECOVERY, label_and_unit, metric
from bench.core.samples.samples import Samples
from bench.core.values import wording
from bench.core.values.observations import Estimate, Observations
from bench.core.values.record import Count, Number, Record


def _median(observed: Observations) -> Estimate:
    return observed.interpolate(0.5) if observed.censored else Estimate(float(np.median(observed.values)))


# A rate is the mean of zeros and ones. A percentile and the statistics of counters need more than the values.
_STATISTICS: dict[Method, Callable[[Observations], Estimate]] = {
    "avg": Observations.mean,
    "min": Observations.smallest,
    "max": Observations.largest,
    "med": _median,
    "rate": Observations.mean,
    "value": Observations.mean,
}
_LOWER_LIMITS: frozenset[Operator] = frozenset({">", ">="})
"""Operators that a lower bound can show to hold."""


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
    lower_bound: bool = False
    """Whether the real value is larger, because requests were ended while they waited."""
    requests: Count | None = None
    """Number of requests that the value is a share of; null unless the metric is a rate."""
    crossed: bool
    """Whether the condition does not hold. Missing data crosses a threshold, because no request succeeded.
    A lower bound crosses an upper limit, because no data shows that the limit is kept."""

    @property
    def measured(self) -> str:
        """The measured value for people: `93.3 % of 150 requests`, `> 33.6 s`."""
        if self.requests is not None:
            return wording.share(self.value, self.requests)
        unit = label_and_unit(self.metric)[1]
        return wording.value(self.value, unit, lower_bound=self.lower_bound)


_METHODS = {"avg": "the mean ", "min": "the shortest ", "max": "the longest ", "med": "the median "}
_SIDES = {"<": "above", "<=": "above", ">": "below", ">=": "below"}


def describe_crossed(limit: ThresholdResult) -> str:
    """Return a crossed threshold in words: `success is below its threshold of 95 %`."""
    label, unit = label_and_unit(limit.metric)
    expression = limit.expression
    method = _METHODS.get(expression.method, "")
    if expression.percentile is not None:
        method = f"p{expression.percentile:g} "
    if limit.value is None:
        return f"{method}{label} has no value for its threshold of {wording.value(expression.limit, unit)}"
    side = _SIDES.get(expression.operator, "not at")
    return f"{method}{label} is {side} its threshold of {wording.value(expression.limit, unit)}"


def judge(
    thresholds: Mapping[str, Sequence[Threshold]],
    samples: Samples,
    elapsed_s: float,
    coverage: Coverage = Coverage(),
    costs: Mapping[str, float] = {},
) -> tuple[ThresholdResult, ...]:
    """Judge every threshold on the requests of a run.

    Args:
        thresholds: Thresholds by metric.
        samples: Requests of the run.
        elapsed_s: Duration of the run in seconds.
        coverage: The steps of the run.
        costs: Values of the metrics that have one value per run.
    """
    answered = samples.without_cancelled()
    results: list[ThresholdResult] = []
    for key, limits in thresholds.items():
        row = metric(key)
        if row.part is Part.COSTS:
            observed = Observations.of_complete([costs[key]] if key in costs else [])
        else:
            observed, _ = row.observe(coverage.select(answered, key))
        results += judge_values(row, limits, observed, elapsed_s)
    return tuple(results)


def judge_values(
    row: Metric, limits: Sequence[Threshold], observed: Observations, elapsed_s: float
) -> list[ThresholdResult]:
    """Judge the thresholds of one metric.

    Args:
        row: The metric.
        limits: Its thresholds.
        observed: The values of the requests, in the metric's unit.
        elapsed_s: Duration of the run in seconds.
    """
    results = []
    for limit in limits:
        estimate = aggregate(limit.expression, row.kind, observed, elapsed_s)
        results.append(
            ThresholdResult(
                metric=row.key,
                expression=limit.expression,
                value=None if estimate is None else estimate.value,
                lower_bound=estimate is not None and estimate.is_lower_bound,
                requests=len(observed) if row.kind is MetricKind.RATE else None,
                crossed=_is_crossed(limit.expression, estimate),
            )
        )
    return results


def _is_crossed(expression: Expression, estimate: Estimate | None) -> bool:
    if estimate is None or not expression.holds(estimate.value):
        return True
    return estimate.is_lower_bound and expression.operator not in _LOWER_LIMITS


def aggregate(
    expression: Expression, kind: MetricKind, observed: Observations, elapsed_s: float
) -> Estimate | None:
    """Return the statistic that an expression names; `None` if there is no data for it.

    The `rate` of a counter is its sum per second. All other rates are shares from 0 to 1.
    """
    if kind is MetricKind.COUNTER:
        total = float(np.sum(observed.values))
        if expression.method == "count":
            return Estimate(total)
        return Estimate(total / elapsed_s) if elapsed_s > 0 else None
    if not len(observed):
        return None
    if expression.percentile is not None:
        return observed.interpolate(expression.percentile / 100.0)
    return _STATISTICS[expression.method](observed)
