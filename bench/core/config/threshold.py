"""Thresholds in k6's grammar: `p(95)<5000`, `rate>0.95`.

Source: https://grafana.com/docs/k6/latest/using-k6/thresholds/
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, assert_never

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from bench.core.samples.metrics import METRICS, RECOVERY, Kind, Metric, metric, tier_name
from bench.core.samples.samples import Samples
from bench.core.values.duration import Duration
from bench.core.values.record import Number, Record
from bench.core.values.units import Values

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "===": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_TREND_METHODS: dict[str, Callable[[Values], float]] = {
    "avg": lambda values: float(np.mean(values)),
    "min": lambda values: float(np.min(values)),
    "max": lambda values: float(np.max(values)),
    "med": lambda values: float(np.median(values)),
}
_METHODS = {
    Kind.TREND: "avg, min, max, med or p(N)",
    Kind.RATE: "rate",
    Kind.COUNTER: "count or rate",
}
_EXPRESSION = re.compile(
    r"^\s*(?P<method>avg|min|max|med|rate|count|p\(\s*(?P<p>\d+(?:\.\d+)?)\s*\))"
    r"\s*(?P<operator>===|==|!=|<=|>=|<|>)\s*(?P<limit>-?\d+(?:\.\d+)?)\s*$"
)


class Expression(Record):
    """A parsed threshold: `method operator limit`, `percentile` only for `p(N)`."""

    method: str
    percentile: float | None = None
    operator: str
    limit: float


def parse(text: str) -> Expression:
    """Parse one expression.

    Raises:
        ValueError: The text is not k6's grammar; the message says what is.
    """
    match = _EXPRESSION.match(text)
    if match is None:
        raise ValueError(f"'{text}' is not a threshold; write for example p(95)<5000, avg<800 or rate>0.95")
    percentile = float(match["p"]) if match["p"] else None
    if percentile is not None and percentile > 100:  # noqa: PLR2004 - per cent
        raise ValueError(f"'{text}': a percentile is between 0 and 100")
    method = "p" if percentile is not None else match["method"]
    return Expression(
        method=method, percentile=percentile, operator=match["operator"], limit=float(match["limit"])
    )


def _expression(text: str) -> str:
    parse(text)
    return text


class Threshold(Record):
    """A limit that holds whatever the baseline says.

    Attributes:
        threshold: The expression.
        abort_on_fail: Stop the run as soon as it is crossed.
        delay_abort_eval_s: But not before this much of the run has passed, in seconds.
    """

    threshold: Annotated[str, AfterValidator(_expression)]
    abort_on_fail: bool = False
    delay_abort_eval_s: Annotated[Duration, Field(alias="delay_abort_eval")] = 5.0


def _from_text(value: Any) -> Any:
    return {"threshold": value} if isinstance(value, str) else value


_Written = BeforeValidator(_from_text, json_schema_input_type=str | Threshold)
Thresholds = dict[str, tuple[Annotated[Threshold, _Written], ...]]


def check_known(key: str) -> None:
    """Refuse a metric that is not in the table.

    Raises:
        ValueError: Naming the metrics that there are.
    """
    if key not in METRICS and not tier_name(key):
        known = ", ".join(METRICS)
        raise ValueError(f"there is no metric '{key}'; there are {known} and tier.<tier>_ms")


def check_figures(key: str, figures: Mapping[str, float]) -> None:
    """Refuse an unknown metric, and figures without a place on the scale that is compared.

    Raises:
        ValueError: Naming the figure, or the metrics that there are.
    """
    check_known(key)
    least = -metric(key).smallest_change
    for prompt, figure in figures.items():
        if figure <= least:
            raise ValueError(f"{key} of '{prompt}' is {figure:g}")


def check_metrics(thresholds: Thresholds) -> Thresholds:
    """Refuse thresholds on unknown metrics and methods that the metric does not have.

    Raises:
        ValueError: Naming the metric, and what there is instead.
    """
    for key, limits in thresholds.items():
        check_known(key)
        kind = metric(key).kind
        for limit in limits:
            method = parse(limit.threshold).method
            if not _has(kind, method):
                raise ValueError(f"'{limit.threshold}': {key} is a {kind}, which has {_METHODS[kind]}")
    return thresholds


def _has(kind: Kind, method: str) -> bool:
    match kind:
        case Kind.TREND:
            return method == "p" or method in _TREND_METHODS
        case Kind.RATE:
            return method == "rate"
        case Kind.COUNTER:
            return method in {"count", "rate"}
        case _:
            assert_never(kind)


def _judgeable(key: str) -> str:
    if key != RECOVERY:
        check_known(key)
    return key


class ThresholdResult(Record):
    """One threshold, judged.

    Attributes:
        metric: The metric's key.
        threshold: The expression as written.
        value: What was measured; None when there was nothing to measure.
        crossed: Whether the limit was crossed; having no data crosses it, for nothing succeeded.
    """

    metric: Annotated[str, AfterValidator(_judgeable)]
    threshold: str
    value: Number | None
    crossed: bool


def judge(
    thresholds: Mapping[str, Sequence[Threshold]], samples: Samples, elapsed_s: float
) -> tuple[ThresholdResult, ...]:
    """Judge every threshold on the requests of a run that took `elapsed_s` so far."""
    answered = samples.answered()
    results: list[ThresholdResult] = []
    for key, limits in thresholds.items():
        values = metric(key).values(answered)
        results += judge_values(metric(key), limits, values[~np.isnan(values)], elapsed_s)
    return tuple(results)


def judge_values(
    row: Metric, limits: Sequence[Threshold], values: Values, elapsed_s: float
) -> list[ThresholdResult]:
    """Judge the thresholds of one metric on its values."""
    results = []
    for limit in limits:
        expression = parse(limit.threshold)
        value = _aggregate(row.kind, expression, values, elapsed_s)
        crossed = value is None or not _OPERATORS[expression.operator](value, expression.limit)
        results.append(
            ThresholdResult(metric=row.key, threshold=limit.threshold, value=value, crossed=crossed)
        )
    return results


def _aggregate(kind: Kind, expression: Expression, values: Values, elapsed_s: float) -> float | None:
    if kind is Kind.COUNTER:
        total = float(np.sum(values))
        if expression.method == "count":
            return total
        return total / elapsed_s if elapsed_s > 0 else None
    if not len(values):
        return None
    if expression.percentile is not None:
        return float(np.percentile(values, expression.percentile))
    if expression.method == "rate":
        return float(np.mean(values))
    return _TREND_METHODS[expression.method](values)
