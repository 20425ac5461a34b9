"""Spans of a request, for tests."""

from typing import Any

from bench.core.tiers.request_trace import RequestTrace, trace_request
from bench.core.tiers.span import TraceSpan
from bench.core.tiers.trace_ids import BENCH_SPAN

MS = 1_000_000


def span(name: str, parent: str | None, start_ms: float, end_ms: float, **fields: Any) -> TraceSpan:
    """Return a span; without a parent it is the first of its request. Its name begins with its service."""
    defaults = {"service": name.partition("-")[0], "is_client": False}
    return TraceSpan(
        id=name.encode(),
        parent=BENCH_SPAN if parent is None else parent.encode(),
        start_ns=int(start_ms * MS),
        end_ns=int(end_ms * MS),
        **{**defaults, **fields},
    )


def call(name: str, parent: str, start_ms: float, end_ms: float, **fields: Any) -> TraceSpan:
    """Return a span of a call that waits for another service."""
    return span(name, parent, start_ms, end_ms, is_client=True, **fields)


def trace(*spans: TraceSpan) -> RequestTrace:
    """Return tier times and calls of a request."""
    return trace_request(spans, BENCH_SPAN)
