"""How much worse a value may become: a share of it, an absolute change, or the larger of both."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from bench.core.limits.metric_names import complete_key
from bench.core.samples.cost_metrics import SAFE_LOAD, SAFE_LOADS
from bench.core.samples.metrics import metric, metric_of_tail
from bench.core.values.quantity import QUANTITY_PATTERN, RATIO_PATTERN, parse_quantity, parse_ratio
from bench.core.values.record import FieldError, Record

CLASS_RATIO = 0.20
"""Tolerance of a class of messages."""
MESSAGE_RATIO = 0.60
"""Tolerance of a single message."""
CLASS = "class"
"""Key of the tolerance of all classes; that of one class is `class.NAME`."""
MESSAGE = "message"
"""Key of the tolerance of all messages; that of one message is `message.ID`."""
_GROUPS = {CLASS: CLASS_RATIO, MESSAGE: MESSAGE_RATIO}
_RATIO_SCHEMA = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": RATIO_PATTERN}]}
_QUANTITY_SCHEMA = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": QUANTITY_PATTERN}]}


def _read_ratio(value: Any) -> Any:
    return parse_ratio(value) if isinstance(value, str) else value


class Tolerance(Record):
    """How much worse a metric may become before the change is a regression. The larger value counts."""

    ratio: Annotated[
        float | None,
        Field(gt=0, lt=10),
        BeforeValidator(_read_ratio),
        WithJsonSchema(_RATIO_SCHEMA),
    ] = None
    """Share of the base's value: `10%` or 0.1. Without it, only `absolute` counts."""
    absolute: Annotated[float | None, Field(gt=0), WithJsonSchema(_QUANTITY_SCHEMA)] = None
    """Change in the metric's unit: `0.5ms`, `2MB`, or a number. Default: that of the metric."""

    @model_validator(mode="after")
    def _require_one(self) -> "Tolerance":
        if self.ratio is None and self.absolute is None:
            raise FieldError(("ratio",), "is missing; write for example ratio: 10%, or absolute: 0.5ms")
        return self


class Tolerated(NamedTuple):
    """The tolerance of one test. The larger of the two changes is tolerated."""

    ratio: float
    """Share of the base's value; 0 if only an absolute change is declared."""
    absolute: float | None
    """Change in the metric's unit; `None` if neither the scenario nor the metric has one."""


def tolerance_of(key: str, tolerances: Mapping[str, Tolerance], default_ratio: float) -> Tolerated:
    """Return the tolerance of a metric, of a class (`class.NAME`) or of a message (`message.ID`).

    A 95th percentile has the tolerance of its metric unless it has its own. The safe load has one tolerance,
    whatever its unit is.

    Args:
        key: Key of the metric, the class or the message.
        tolerances: Tolerances of the scenario.
        default_ratio: Ratio of a metric for which neither the scenario nor the metric has one.
    """
    group = key.partition(".")[0]
    if group in _GROUPS:
        declared = tolerances.get(key) or tolerances.get(group)
        ratio = _GROUPS[group]
        absolute = None
    else:
        row = metric(key)
        shared = SAFE_LOAD if key in SAFE_LOADS else metric_of_tail(key)
        declared = tolerances.get(key) or tolerances.get(shared or key)
        ratio = default_ratio if row.tolerated_ratio is None else row.tolerated_ratio
        absolute = row.tolerated_change
    if declared is None:
        return Tolerated(ratio, absolute)
    return Tolerated(declared.ratio or 0.0, declared.absolute or absolute)


def _read_tolerances(value: Any) -> Any:
    """Return the tolerances of a file as maps, with changes in the metrics' units."""
    if not isinstance(value, Mapping):
        return value
    return {name: _read_tolerance(str(name), declared) for name, declared in value.items()}


def _read_tolerance(name: str, declared: Any) -> Any:
    """Return a tolerance as a map: of a map, or of a single value such as `10%`, `0.1` or `2ms`."""
    unit = _unit(_complete(name))
    match declared:
        case Tolerance():
            return declared
        case Mapping():
            fields = dict(declared)
            absolute = fields.get("absolute")
            if isinstance(absolute, str):
                fields["absolute"] = _parse(absolute, unit, (name, "absolute"))
            return fields
        case str() if unit != "ratio" and not declared.strip().endswith("%"):
            return {"absolute": _parse(declared, unit, (name,))}
        case str() | int() | float():
            return {"ratio": declared}
        case _:
            return declared


def _parse(text: str, unit: str, path: tuple[str, ...]) -> float:
    try:
        return parse_quantity(text, unit)
    except ValueError as error:
        raise FieldError(path, str(error)) from error


def _complete_keys(tolerances: dict[str, Tolerance]) -> dict[str, Tolerance]:
    complete: dict[str, Tolerance] = {}
    for name, tolerance in tolerances.items():
        key = _complete(name)
        if key in complete:
            raise FieldError((name,), f"{key} has two tolerances; remove one of them")
        complete[key] = tolerance
    return complete


def _complete(name: str) -> str:
    group, dot, member = name.partition(".")
    if group in _GROUPS and (member or not dot):
        return name
    return complete_key(name)


def _unit(key: str) -> str:
    return "ms" if key.partition(".")[0] in _GROUPS else metric(key).unit


Tolerances = Annotated[
    dict[str, Tolerance], BeforeValidator(_read_tolerances), AfterValidator(_complete_keys)
]
"""Tolerances by key: of metrics, of classes of messages and of single messages."""
