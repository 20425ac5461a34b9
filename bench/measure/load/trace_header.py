"""Adds the header that makes services record a request."""

from bench.core.load.arrival import Arrival
from bench.core.tiers.trace_ids import RequestKey, traceparent

_LINE_END = b"\r\n"


def add_trace(request: bytes, prefix: bytes, arrival: Arrival) -> bytes:
    """Return a request, or its head, with a `traceparent`.

    Args:
        request: The request; the header follows its first line.
        prefix: Beginning of the trace ids of the load.
        arrival: The planned request.
    """
    first_line, line_end, rest = request.partition(_LINE_END)
    key = RequestKey(arrival.phase, arrival.vu, arrival.iteration, arrival.arm)
    return first_line + line_end + traceparent(prefix, key) + rest
