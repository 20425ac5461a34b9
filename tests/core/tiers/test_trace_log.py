from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.tiers import trace_log
from bench.core.tiers.otlp import ReceivedSpan
from bench.core.tiers.trace_ids import (
    BENCH_SPAN,
    RequestKey,
    request_of,
    run_prefix,
    trace_id,
    traceparent,
)
from bench.core.tiers.trace_log import TraceLog
from bench.core.values.limited_names import MOST_TIERS, OTHER
from tests.laws import READING_LAW

PREFIX = run_prefix("run")
REQUEST = RequestKey(phase=1, vu=2, iteration=3, arm=0)
SECOND_NS = 1_000_000_000


def received(
    number: int, parent: int | None = None, service: str = "backend", request: RequestKey = REQUEST
) -> ReceivedSpan:
    """A span of a second; without a parent it is the first of its request."""
    return ReceivedSpan(
        trace=trace_id(PREFIX, request),
        id=number.to_bytes(8, "big"),
        parent=BENCH_SPAN if parent is None else parent.to_bytes(8, "big"),
        kind=2,
        start_ns=0,
        end_ns=SECOND_NS,
        service=service,
        attributes={},
    )


def collect(spans: Iterable[ReceivedSpan]) -> TraceLog:
    """A log with spans that all arrived at once."""
    log = TraceLog(PREFIX, {})
    log.add(spans, 0.0)
    return log


@READING_LAW
@given(st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 255))
def test_a_trace_id_names_its_request(phase: int, vu: int, iteration: int, arm: int) -> None:
    """The request is read from the trace id, and never by another run."""
    request = RequestKey(phase, vu, iteration, arm)
    trace = trace_id(PREFIX, request)
    assert len(trace) == 16
    assert request_of(trace, PREFIX) == request
    assert request_of(trace, run_prefix("another")) is None
    assert request_of(trace[:15], PREFIX) is None


def test_the_header_has_the_format_of_w3c() -> None:
    """Version, trace id, parent id and the flag that asks for a record."""
    line = traceparent(PREFIX, REQUEST).decode()
    name, _, value = line.removesuffix("\r\n").partition(": ")
    version, trace, parent, flags = value.split("-")
    assert (name, version, len(trace), len(parent), flags) == ("traceparent", "00", 32, 16, "01")
    assert bytes.fromhex(trace) == trace_id(PREFIX, REQUEST)


def test_spans_of_others_are_left_out() -> None:
    """Only spans of the run's requests count."""
    other = received(1)._replace(trace=b"x" * 16)
    log = collect([other, received(1)])
    assert log.received == 1
    assert log.finish()[REQUEST].tier_times == {"backend": 1000.0}


def test_a_quiet_request_is_reduced() -> None:
    """A request without new spans is reduced to its tier times, and later spans are reported."""
    log = TraceLog(PREFIX, {})
    other = REQUEST._replace(vu=9)
    log.add([received(1), received(1, parent=7, request=other)], 0.0)
    log.add([], 100.0)
    log.add([received(2), received(2, request=other)], 101.0)
    assert log.count_complete() == 2
    traces = log.finish()
    assert traces[REQUEST].tier_times == {"backend": 1000.0}
    assert traces[other].tier_times == {"backend": 1000.0}
    assert log.warnings() == ["left out 1 span that arrived more than 15 s after the others"]


def test_further_tiers_are_summed_up() -> None:
    """The number of tiers is bounded; the time of the others is not lost."""
    spans = [received(0, service="first")]
    spans += [received(number, parent=0, service=f"s{number}") for number in range(1, 101)]
    log = collect(spans)
    tiers = log.finish()[REQUEST].tier_times
    assert len(tiers) == MOST_TIERS
    assert tiers[OTHER] == 1000.0


def test_the_memory_for_spans_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans beyond the limit are left out and reported."""
    monkeypatch.setattr(trace_log, "_MOST_SPANS", 5)
    log = collect(received(number, parent=number - 1 if number else None) for number in range(8))
    assert log.finish()[REQUEST].tier_times == {"backend": 1000.0}
    assert log.warnings() == ["left out 3 spans, since too many came: tier times are incomplete"]
