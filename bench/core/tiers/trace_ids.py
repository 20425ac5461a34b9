"""Trace ids of requests: each is computed from the run and the request, so that no table is needed.

Format of the header: https://www.w3.org/TR/trace-context/
"""

from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import blake2b
from struct import Struct, error
from typing import Annotated, NamedTuple

from pydantic import Field

from bench.core.values.record import Count, Number, Record

PREFIX_BYTES = 5
BENCH_SPAN = b"chatbnch"
"""Id of the parent of each request's first span. No span with this id is sent."""
# Prefix of the run, phase, arm, VU and iteration.
_TRACE_ID = Struct(f"!{PREFIX_BYTES}sHBII")


class RequestKey(NamedTuple):
    """The fields of a request that identify it within its run."""

    phase: int
    """Index of the phase."""
    vu: int
    """Number of the VU."""
    iteration: int
    """Number of the VU's request in the phase."""
    arm: int
    """0 for the scenario's target, 1 for the target that it is compared with."""


class TracedLoad(Record):
    """A load whose requests had the header `traceparent`. A joined run has several."""

    prefix: Annotated[str, Field(pattern=rf"^[0-9a-f]{{{2 * PREFIX_BYTES}}}$")]
    """Beginning of the trace ids, in hexadecimal digits."""
    start_s: Number = 0.0
    """Start of the load, in seconds since the start of the run."""
    phase: Count | None = None
    """Index of the phase in the trace ids; null if it is that of the requests."""


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


def run_prefix(run_id: str) -> bytes:
    """Return the beginning of all trace ids of a run."""
    return blake2b(run_id.encode(), digest_size=PREFIX_BYTES).digest()


def trace_id(prefix: bytes, request: RequestKey) -> bytes:
    """Return the trace id of a request."""
    return _TRACE_ID.pack(prefix, request.phase, request.arm, request.vu, request.iteration)


def request_of(trace: bytes, prefix: bytes) -> RequestKey | None:
    """Return the request of a trace id; `None` if another program or another run sent it."""
    try:
        sender, phase, arm, vu, iteration = _TRACE_ID.unpack(trace)
    except error:
        return None
    return RequestKey(phase, vu, iteration, arm) if sender == prefix else None


def traceparent(prefix: bytes, request: RequestKey) -> bytes:
    """Return the header line that makes the services record a request."""
    return b"traceparent: 00-%b-%b-01\r\n" % (
        trace_id(prefix, request).hex().encode(),
        BENCH_SPAN.hex().encode(),
    )
