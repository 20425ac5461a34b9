"""Trace ids of requests: each is computed from the run and the request, so that no table is needed.

Format of the header: https://www.w3.org/TR/trace-context/
"""

from hashlib import blake2b
from struct import Struct, error
from typing import NamedTuple

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
