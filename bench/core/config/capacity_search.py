"""The search for the largest load that meets the objectives of a scenario."""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from bench.core.values.duration import PositiveDuration
from bench.core.values.quantity import RATIO_PATTERN, parse_ratio
from bench.core.values.record import FieldError, Record

NAME_SUFFIX = "-capacity"
"""End of the name of a search whose scenario declares none, so that it has a baseline of its own."""
_RATIO_SCHEMA = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": RATIO_PATTERN}]}


def _read_ratio(value: object) -> object:
    return parse_ratio(value) if isinstance(value, str) else value


class CapacitySearch(Record):
    """A search. The load is the number of VUs of a closed loop, or the request rate of an open loop."""

    lowest: Annotated[float, Field(gt=0, alias="from")] = 1.0
    """Smallest load."""
    highest: Annotated[Annotated[float, Field(gt=0)] | None, Field(alias="to")] = None
    """Largest load; null to double the load until an objective is missed."""
    budget_s: Annotated[PositiveDuration, Field(alias="budget")] = 600.0
    """Longest duration of all trials together."""
    width_ratio: Annotated[
        Annotated[float, Field(gt=0, le=2)],
        BeforeValidator(_read_ratio),
        WithJsonSchema(_RATIO_SCHEMA),
        Field(alias="width"),
    ] = 0.2
    """The search ends when the interval is narrower than this share of its middle."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """Probability that the interval contains the safe load."""

    goodput: Annotated[
        Annotated[float, Field(gt=0, lt=1)] | None,
        BeforeValidator(_read_ratio),
        WithJsonSchema({"anyOf": [*_RATIO_SCHEMA["anyOf"], {"type": "null"}]}),
    ] = None
    """Share of the requests that must meet all objectives, such as `95%`; null to limit the p95 of each."""
    predict: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Loads of which the answer predicts the needs, such as `[100]`."""
    slots: Annotated[int, Field(gt=0)] | None = None
    """Number of requests that the stack works on at once, for predictions; null to estimate it."""
    overload: Annotated[float, Field(gt=1, le=10)] | None = None
    """Load of a spike after the search, as a multiple of the safe load; null without a spike."""

    @model_validator(mode="after")
    def _check_range(self) -> "CapacitySearch":
        if self.highest is not None and self.highest <= self.lowest:
            raise FieldError(("to",), f"must be larger than from ({self.lowest:g})")
        return self
