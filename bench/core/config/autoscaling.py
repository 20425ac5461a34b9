"""Rules that change the number of instances of a service while a scenario runs."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from bench.core.config.compose import MOST_REPLICAS
from bench.core.config.service import Service
from bench.core.config.target import Name
from bench.core.config.watching import GaugeName, Readings
from bench.core.samples.sample import QUEUE_DEPTH
from bench.core.values.duration import PositiveDuration
from bench.core.values.nearest import suggest
from bench.core.values.record import FieldError, Record

_PATTERN = r"^\d+\.\.\d+$"


def _read_limits(value: Any) -> Any:
    """Return the lowest and the highest number of a text such as `1..4`.

    Raises:
        ValueError: The value is no such text, or its numbers are not in order.
    """
    if isinstance(value, tuple):
        return value
    text = str(value).replace(" ", "")
    if not re.fullmatch(_PATTERN, text):
        raise ValueError(f"'{value}' is not a range of numbers; write for example 1..4")
    low, _, high = text.partition("..")
    if not 1 <= int(low) <= int(high) <= MOST_REPLICAS:
        raise ValueError(f"'{value}' is not within 1..{MOST_REPLICAS}, or its lower number is not the first")
    return int(low), int(high)


def _write_limits(limits: tuple[int, int]) -> str:
    low, high = limits
    return f"{low}..{high}"


InstanceLimits = Annotated[
    tuple[int, int],
    BeforeValidator(_read_limits),
    PlainSerializer(_write_limits, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["1..4"]}),
]
"""Lowest and highest number of instances; the text `1..4` is parsed."""


class Autoscaling(Record):
    """A rule that keeps a gauge near a target by changing the number of instances of a service."""

    between: InstanceLimits
    """Lowest and highest number of instances, such as `1..4`."""
    gauge: GaugeName = QUEUE_DEPTH
    """Gauge that the rule follows, as the stack's `gauges` name it."""
    of: Name | None = None
    """Service that reports the gauge. By default it is the service that is scaled."""
    target: Annotated[float, Field(gt=0, le=1_000_000)]
    """Value of the gauge for each scaled instance. The gauge is added up over all instances of `of`."""
    interval_s: Annotated[PositiveDuration, Field(alias="interval")] = 2.0
    """Time between two readings."""
    cool_down_s: Annotated[PositiveDuration, Field(alias="cool_down")] = 10.0
    """Shortest time between a change and the next start of instances."""
    down_after_s: Annotated[PositiveDuration, Field(alias="down_after")] = 60.0
    """Time for which fewer instances must suffice before one ends."""


def check_scaling(
    services: Mapping[Name, Service], rules: Mapping[Name, Autoscaling], gauges: Mapping[Name, Readings]
) -> None:
    """Check that each rule has instances to change, and a gauge to follow.

    Raises:
        FieldError: A rule has not.
    """
    for name, rule in rules.items():
        place = ("scaling", name)
        declared = services.get(name)
        low, high = rule.between
        if declared is None or declared.replicas is None:
            replicated = [other for other, service in services.items() if service.replicas is not None]
            raise FieldError(place, f"no service '{name}' has replicas; {suggest(name, replicated)}")
        if not low <= declared.replicas <= high:
            message = f"{declared.replicas} replicas of '{name}' are not within {low}..{high}"
            raise FieldError((*place, "between"), message)
        reporting = rule.of or name
        read = gauges[reporting].read if reporting in gauges else {}
        if rule.gauge not in read:
            message = f"service '{reporting}' has no gauge '{rule.gauge}'; {suggest(rule.gauge, read)}"
            raise FieldError((*place, "gauge"), message)
