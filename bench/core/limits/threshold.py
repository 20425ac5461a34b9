"""Thresholds of a scenario or stack: a limit on a metric that holds without a baseline."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, assert_never

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from bench.core.limits.expression import ExpressionText, Method
from bench.core.limits.metric_names import complete_key
from bench.core.samples.metric import Metric, MetricKind, Part
from bench.core.samples.metrics import metric, metric_of_tail
from bench.core.values.duration import Duration
from bench.core.values.record import FieldError, Record
from bench.errors import ConfigError


class Threshold(Record):
    """A limit on one metric."""

    expression: Annotated[ExpressionText, Field(alias="threshold")]
    """Condition that must hold, in k6's grammar."""
    abort_on_fail: bool = False
    """Stop the run as soon as the condition does not hold."""
    delay_abort_eval_s: Annotated[Duration, Field(alias="delay_abort_eval")] = 5.0
    """Time from the start of the run before which the threshold does not stop it."""


def _read_text(value: Any) -> Any:
    return {"threshold": value} if isinstance(value, str) else value


_TextOrThreshold = BeforeValidator(_read_text, json_schema_input_type=ExpressionText | Threshold)


def _check_thresholds(thresholds: "dict[str, tuple[Threshold, ...]]") -> "dict[str, tuple[Threshold, ...]]":
    """Return the thresholds by complete keys."""
    complete: dict[str, tuple[Threshold, ...]] = {}
    for name, limits in thresholds.items():
        key = _complete(name)
        if key in complete:
            raise FieldError((name,), f"{key} has thresholds twice; write them in one list")
        for index, limit in enumerate(limits):
            _check_limit(metric(key), limit, (name, index))
        complete[key] = limits
    return complete


def _complete(name: str) -> str:
    key = complete_key(name)
    tail_of = metric_of_tail(key)
    if tail_of is not None:
        raise FieldError((name,), f"write the percentile in the condition: {tail_of}: p(95)<…")
    return key


def _check_limit(row: Metric, limit: Threshold, path: tuple[str | int, ...]) -> None:
    expression = limit.expression
    methods = _list_methods(row)
    if expression.method not in methods:
        shown = ", ".join("p(N)" if method == "p" else method for method in methods)
        kind = f"is a {row.kind}, which has {shown}"
        if row.part is Part.COSTS:
            kind = "has one value per run; write for example <500"
        raise FieldError(path, f"'{expression}': {row.key} {kind}")
    if expression.unit not in {None, row.unit}:
        unit = "a count" if row.unit == "1" else f"in {row.unit}"
        raise FieldError(path, f"'{expression}': {row.key} is {unit}")
    if limit.abort_on_fail and row.part is Part.COSTS:
        raise FieldError(path, f"{row.key} is known at the end of a run; remove abort_on_fail")


def _list_methods(row: Metric) -> tuple[Method, ...]:
    if row.part is Part.COSTS:
        return ("value",)
    match row.kind:
        case MetricKind.TREND:
            return ("avg", "min", "max", "med", "p")
        case MetricKind.RATE:
            return ("rate",)
        case MetricKind.COUNTER:
            return ("count", "rate")
        case _:
            assert_never(row.kind)


def _read_single(value: Any) -> Any:
    """Return a single condition as a list of conditions."""
    return (value,) if isinstance(value, str | Mapping | Threshold) else value


_Limits = Annotated[
    tuple[Annotated[Threshold, _TextOrThreshold], ...],
    BeforeValidator(
        _read_single,
        json_schema_input_type=ExpressionText | Threshold | tuple[ExpressionText | Threshold, ...],
    ),
]
Thresholds = Annotated[dict[str, _Limits], AfterValidator(_check_thresholds)]
"""Thresholds by metric. Metrics must exist, and a method must be one of the metric's kind."""


def _check_given(thresholds: "dict[str, tuple[Threshold, ...] | None]") -> Any:
    given: dict[str, tuple[Threshold, ...]] = {}
    for name, limits in thresholds.items():
        given[name] = limits or ()
    return {key: limits or None for key, limits in _check_thresholds(given).items()}


ReplacingThresholds = Annotated[
    dict[str, tuple[Annotated[Threshold, _TextOrThreshold], ...] | None], AfterValidator(_check_given)
]
"""Thresholds that replace others, by metric; None removes those of the metric."""


def replace_thresholds(
    thresholds: "dict[str, tuple[Threshold, ...]]",
    replacing: "Mapping[str, tuple[Threshold, ...] | None]",
) -> "dict[str, tuple[Threshold, ...]]":
    """Return thresholds with other limits for the metrics that have some, or without them."""
    replaced: dict[str, tuple[Threshold, ...]] = {}
    for key, limits in thresholds.items():
        others = replacing.get(key, limits)
        if others:
            replaced[key] = others
    return replaced


def drop_time_limits(
    thresholds: Mapping[str, tuple[Threshold, ...]], kept: Collection[str]
) -> dict[str, tuple[Threshold, ...]]:
    """Return thresholds without those on times, except for some metrics."""
    remaining: dict[str, tuple[Threshold, ...]] = {}
    for key, limits in thresholds.items():
        if key in kept or metric(key).unit != "ms":
            remaining[key] = limits
    return remaining


_THRESHOLDS: TypeAdapter[Thresholds] = TypeAdapter(Thresholds, config=ConfigDict(defer_build=True))
_EXAMPLE = "write for example --threshold 'e2e_ms p(95)<2000'"


def parse_thresholds(texts: Sequence[str]) -> Thresholds:
    """Return the thresholds of options: `("e2e_ms p(95)<2000",)`.

    Raises:
        ConfigError: A text is not a metric and a condition, or they do not fit each other.
    """
    limits: dict[str, list[str]] = {}
    for text in texts:
        metric_key, _, condition = text.strip().partition(" ")
        if not condition:
            raise ConfigError(f"--threshold {text}: is not a metric and a condition", _EXAMPLE)
        limits.setdefault(metric_key, []).append(condition.strip())
        try:
            _THRESHOLDS.validate_python({metric_key: (condition.strip(),)})
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ConfigError(f"--threshold {text}: {message}", _EXAMPLE) from error
    return _THRESHOLDS.validate_python(limits)
