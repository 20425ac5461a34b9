"""The trace ids of the requests of a load, and the places of the tiers in their traces."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated

from pydantic import Field

from bench.core.tiers.request_trace import RequestTrace
from bench.core.tiers.trace_ids import PREFIX_BYTES, RequestKey
from bench.core.values.record import Count, NotNegative, Number, Record

_DIGITS = 2


class TracedRequest(Record):
    """The trace of one request."""

    key: tuple[Count, Count, Count, Count]
    """Phase, VU, iteration and arm of the request, as its trace id has them."""
    length_ms: NotNegative
    """Time from the start to the end of the trace."""
    periods: tuple[tuple[str, NotNegative, NotNegative], ...]
    """Tier, start since the start of the trace, and length of each period in which a tier works, in ms."""


class TracedLoad(Record):
    """A load whose requests had the header `traceparent`. A joined run has several."""

    prefix: Annotated[str, Field(pattern=rf"^[0-9a-f]{{{2 * PREFIX_BYTES}}}$")]
    """Beginning of the trace ids, in hexadecimal digits."""
    start_s: Number = 0.0
    """Start of the load, in seconds since the start of the run."""
    phase: Count | None = None
    """Index of the phase in the trace ids; null if it is that of the requests."""
    requests: tuple[TracedRequest, ...] = ()
    """The longest traces."""


def list_traced(traces: Mapping[RequestKey, RequestTrace]) -> tuple[TracedRequest, ...]:
    """Return the traces whose periods are kept."""
    requests: list[TracedRequest] = []
    for key, trace in traces.items():
        if trace.periods:
            periods: list[tuple[str, float, float]] = []
            for tier, start_ms, length_ms in trace.periods:
                periods.append((tier, round(start_ms, _DIGITS), round(length_ms, _DIGITS)))
            length_ms = round(trace.length_ms, _DIGITS)
            requests.append(TracedRequest(key=tuple(key), length_ms=length_ms, periods=tuple(periods)))
    return tuple(requests)


def shift_loads(loads: Iterable[TracedLoad], by_s: float) -> Iterator[TracedLoad]:
    """Yield the same loads on a clock that is ahead by `by_s` seconds."""
    for load in loads:
        yield load.model_copy(update={"start_s": load.start_s + by_s})


def keep_phase(loads: Iterable[TracedLoad], phase: int) -> tuple[TracedLoad, ...]:
    """Return the same loads for requests that get another index of their phase.

    Args:
        loads: The loads.
        phase: The index that the phase had when the requests were sent.
    """
    return tuple(map(partial(TracedLoad.model_copy, update={"phase": phase}), loads))
