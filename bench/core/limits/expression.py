"""k6's threshold grammar: `p(95)<5000`, `rate>0.95`.

Source: https://grafana.com/docs/k6/latest/using-k6/thresholds/
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from bench.core.values.quantity import UNITS, parse_quantity

Method = Literal["avg", "min", "max", "med", "p", "rate", "count", "value"]
Operator = Literal["<", "<=", ">", ">=", "==", "===", "!="]

_COMPARE: dict[Operator, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
}
_PERCENTILE = r"p\(\s*(\d+(?:\.\d+)?)\s*\)"
_METHOD = f"{'|'.join(method for method in get_args(Method) if method != 'p')}|{_PERCENTILE}"
_UNIT = "|".join(UNITS)
_PATTERN = rf"^\s*({_METHOD})?\s*(===|==|!=|<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*({_UNIT})?\s*$"
_HIGHEST_PERCENTILE = 100.0


@dataclass(frozen=True, slots=True)
class Expression:
    """A threshold: its text and its parsed parts. It holds if `method operator limit` is true."""

    source: str
    """Text of the threshold."""
    method: Method
    """Statistic of the metric's values; `value` for a metric with one value per run, which needs no word."""
    percentile: float | None
    """N of `p(N)`, from 0 to 100; `None` for the other methods."""
    operator: Operator
    """Comparison of the statistic with the limit."""
    limit: float
    """Right-hand side, in the metric's unit."""
    unit: str | None = None
    """Unit in which the limit is written: `ms` for all durations, `bytes` or `ratio`; `None` for a number."""

    def __str__(self) -> str:
        """Return the text of the threshold."""
        return self.source

    def holds(self, value: float) -> bool:
        """Check a value of the statistic against the limit."""
        return _COMPARE[self.operator](value, self.limit)


def parse(source: str) -> Expression:
    """Parse a threshold.

    Raises:
        ValueError: The text does not follow k6's grammar; the message shows an example.
    """
    match = re.match(_PATTERN, source)
    if match is None:
        raise ValueError(f"'{source}' is not a threshold; write for example p(95)<5000, avg<800 or rate>0.95")
    method, percent, sign, number, suffix = match.groups()
    percentile = None if percent is None else float(percent)
    if percentile is not None and percentile > _HIGHEST_PERCENTILE:
        raise ValueError(f"'{source}': a percentile is between 0 and 100")
    unit = None if suffix is None else UNITS[suffix]
    return Expression(
        source=source,
        method="p" if percentile is not None else cast("Method", method or "value"),
        percentile=percentile,
        operator=cast("Operator", sign),
        limit=float(number) if unit is None else parse_quantity(number + suffix, unit),
        unit=unit,
    )


def upper_limit(statistic: str, limit: float) -> Expression:
    """Return `statistic<=limit`; the statistic is written as in a threshold, for example `p(95)`."""
    return parse(f"{statistic}<={limit:f}".rstrip("0").rstrip("."))


def lower_limit(statistic: str, limit: float) -> Expression:
    """Return `statistic>=limit`, likewise."""
    return parse(f"{statistic}>={limit:.12f}".rstrip("0").rstrip("."))


def _validate(value: Any) -> Expression:
    match value:
        case Expression():
            return value
        case str():
            return parse(value)
        case _:
            raise ValueError(f"{value!r} is not a threshold; write text, for example p(95)<5000")


ExpressionText = Annotated[
    Expression,
    PlainValidator(_validate),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": _PATTERN, "examples": ["p(95)<5000", "avg<800", "rate>0.95"]}
    ),
]
"""An expression that files hold as text. It is parsed when the file is read."""
