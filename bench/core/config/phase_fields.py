"""Fields that every executor has, and the limits of their numbers."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Protocol

from pydantic import Field

from bench.core.values.duration import DurationRange
from bench.core.values.record import FieldError, Record

_MOST_VUS = 100_000
MOST_RATE = 1_000_000
Vus = Annotated[int, Field(gt=0, le=_MOST_VUS)]
VusOrNone = Annotated[int, Field(ge=0, le=_MOST_VUS)]
Rate = Annotated[float, Field(gt=0, le=MOST_RATE)]
RateOrNone = Annotated[float, Field(ge=0, le=MOST_RATE)]


class PhaseFields(Record):
    """Fields that every executor has."""

    warm_up: bool = False
    """Exclude the requests of this phase from all metrics."""
    cancel_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the requests that the VU cancels before the response is complete, 0 to 1."""
    cancel_after_s: Annotated[DurationRange, Field(alias="cancel_after")] = (0.1, 1.0)
    """Time after which a request is cancelled, drawn uniformly from this range."""


class _Timed(Protocol):
    @property
    def duration_s(self) -> float: ...


def total_s(parts: Iterable[_Timed]) -> float:
    """Return the duration of phases or stages that run one after the other, in seconds."""
    return sum(part.duration_s for part in parts)


def require_time(stages: Sequence[_Timed]) -> None:
    """Check that at least one stage takes time."""
    if total_s(stages) == 0:
        raise FieldError(("stages",), "every stage has the duration 0; set one above 0")
