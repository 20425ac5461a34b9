"""The declaration of retries: when a VU sends a request again, and how long it waits before that."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from bench.core.values.duration import DurationRange
from bench.core.values.quantity import RATIO_PATTERN, parse_ratio
from bench.core.values.record import Record

_SHARE_SCHEMA = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": RATIO_PATTERN}]}
_ErrorStatus = Annotated[int, Field(ge=400, le=599)]


def _read_share(value: Any) -> Any:
    return parse_ratio(value) if isinstance(value, str) else value


class Retry(Record):
    """Retries of a VU, as a client of the service would send them.

    The response time counts from the planned start of the first attempt to the end of the last one.
    """

    attempts: Annotated[int, Field(ge=2, le=20)] = 3
    """Most attempts of a request, with the first one."""
    backoff: DurationRange = (0.5, 8.0)
    """Shortest and longest wait. The wait before retry n is random, between the shortest one and 2^n times as
    much, and at most the longest one."""
    honour_retry_after: bool = True
    """Whether a VU waits at least as long as the header `Retry-After` of the response requests."""
    budget: Annotated[
        float, Field(gt=0, le=10), BeforeValidator(_read_share), WithJsonSchema(_SHARE_SCHEMA)
    ] = 0.1
    """Most retries as a share of the requests of a load generator, so that retries cannot multiply an
    overload."""
    statuses: Annotated[tuple[_ErrorStatus, ...], Field(min_length=1)] = (429, 502, 503, 504)
    """Statuses that are retried, before any text of the answer came. A connection that cannot be opened is
    retried too."""
