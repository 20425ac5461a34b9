from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.tiers.request_trace import is_complete
from bench.core.tiers.span import DATABASE_CALLS, MODEL_CALLS, TraceSpan
from bench.core.tiers.trace_ids import BENCH_SPAN
from tests.core.tiers.spans import MS, call, span, trace
from tests.laws import READING_LAW

# A backend that calls an agent, which calls a model and a database.
CHAIN = (
    span("backend", None, 0, 100),
    call("backend-call", "backend", 10, 90),
    span("agent", "backend-call", 12, 88),
    call("agent-model", "agent", 20, 70, peer="model", call=MODEL_CALLS),
    call("agent-db", "agent", 75, 80, peer="mongodb", call=DATABASE_CALLS),
)
CHAIN_TIMES = {"backend": 20.0, "agent": 25.0, "model": 50.0, "mongodb": 5.0}


def test_own_time_excludes_calls() -> None:
    """A service's own time is its span without the calls that it waits for; a call is the other's time."""
    measured = trace(*CHAIN)
    assert measured.tier_times == pytest.approx(CHAIN_TIMES)
    assert measured.calls == {MODEL_CALLS: 1, DATABASE_CALLS: 1}


@pytest.mark.parametrize("order", [*permutations(range(5))][::17])
def test_the_order_of_spans_does_not_matter(order: tuple[int, ...]) -> None:
    """Spans arrive in any order, since each service sends its own."""
    assert trace(*(CHAIN[number] for number in order)).tier_times == pytest.approx(CHAIN_TIMES)


def test_a_span_that_is_sent_twice_counts_once() -> None:
    """An exporter sends a batch again if it did not receive the answer."""
    measured = trace(*CHAIN, *CHAIN)
    assert measured.tier_times == pytest.approx(CHAIN_TIMES)
    assert measured.calls == {MODEL_CALLS: 1, DATABASE_CALLS: 1}


def test_parallel_calls_of_a_tier_count_once() -> None:
    """The time in which a tier works is the union of its spans."""
    measured = trace(
        span("backend", None, 0, 100),
        call("backend-1", "backend", 10, 60, peer="model", call=MODEL_CALLS),
        call("backend-2", "backend", 20, 80, peer="model", call=MODEL_CALLS),
        call("backend-3", "backend", 30, 40, peer="model", call=MODEL_CALLS),
    )
    assert measured.tier_times == pytest.approx({"backend": 30.0, "model": 70.0})
    assert measured.calls == {MODEL_CALLS: 3}


def test_tiers_that_work_at_the_same_time_each_get_it() -> None:
    """A slower database does not make a model that works in parallel look faster."""
    for database_ms, backend_ms in ((10, 50.0), (40, 50.0), (70, 30.0)):
        measured = trace(
            span("backend", None, 0, 100),
            call("backend-1", "backend", 0, 50, peer="model"),
            call("backend-2", "backend", 0, database_ms, peer="db"),
        )
        expected = {"backend": backend_ms, "model": 50.0, "db": float(database_ms)}
        assert measured.tier_times == pytest.approx(expected)


def test_work_after_the_answer_is_no_time_of_the_request() -> None:
    """A task that goes on after the answer counts until the answer only."""
    measured = trace(
        span("backend", None, 0, 100),
        call("backend-1", "backend", 90, 500, peer="db"),
        span("worker", "backend-1", 200, 400),
    )
    assert measured.tier_times == pytest.approx({"backend": 90.0, "worker": 10.0})


def test_a_stream_is_longer_than_its_call() -> None:
    """Some clients end a call with the head of its answer; the service still works on the stream."""
    measured = trace(
        span("backend", None, 0, 100),
        call("backend-1", "backend", 10, 20),
        span("model", "backend-1", 11, 95),
    )
    assert measured.tier_times == pytest.approx({"backend": 15.0, "model": 85.0})


@pytest.mark.parametrize("offset_ms", [-5000, -60, 0, 60, 5000])
def test_clocks_of_other_machines_may_differ(offset_ms: int) -> None:
    """A service whose clock is wrong has the same own time."""
    measured = trace(
        span("backend", None, 0, 100),
        call("backend-1", "backend", 20, 80),
        span("agent", "backend-1", 30 + offset_ms, 70 + offset_ms),
        call("agent-1", "agent", 40 + offset_ms, 60 + offset_ms, peer="model"),
    )
    assert measured.tier_times == pytest.approx({"backend": 40.0, "agent": 40.0, "model": 20.0})


def test_a_missing_span_loses_its_own_time_only() -> None:
    """Without a call's span, the spans below it belong to the request all the same."""
    measured = trace(*(part for part in CHAIN if part.id != b"backend-call"))
    assert measured.tier_times == pytest.approx(CHAIN_TIMES | {"backend": 24.0, "agent": 21.0})


def test_a_missing_first_span_leaves_the_others() -> None:
    """If the asked service sends no span, the others have their times."""
    rest = CHAIN[2:]
    assert not is_complete(rest, BENCH_SPAN)
    assert is_complete(CHAIN, BENCH_SPAN)
    assert trace(*rest).tier_times == pytest.approx({"agent": 21.0, "model": 50.0, "mongodb": 5.0})


def test_a_queue_may_hold_a_message() -> None:
    """A worker reads a message after it was sent; its work until the answer is its own time."""
    measured = trace(
        span("backend", None, 0, 100),
        span("backend-publish", "backend", 10, 11),
        span("worker", "backend-publish", 40, 90),
    )
    assert measured.tier_times == pytest.approx({"backend": 50.0, "worker": 50.0})


def test_no_span_has_no_time() -> None:
    """A request without spans, or with spans in a circle, has no tier times."""
    assert trace().tier_times == {}
    assert trace(span("a", "b", 0, 10), span("b", "a", 0, 10)).tier_times == {}


def test_a_library_around_a_call_is_no_second_call() -> None:
    """The span of an SDK contains the span of HTTP: one call, and the SDK's time is that of its service."""
    measured = trace(
        span("backend", None, 0, 100),
        call("backend-sdk", "backend", 10, 90, peer="openai", call=MODEL_CALLS),
        call("backend-http", "backend-sdk", 20, 80, peer="model", call=MODEL_CALLS),
    )
    assert measured.tier_times == pytest.approx({"backend": 40.0, "model": 60.0})
    assert measured.calls == {MODEL_CALLS: 1}


def test_a_proxy_adds_no_model_call() -> None:
    """A call of a proxy that calls the model is one call of a model."""
    measured = trace(
        span("backend", None, 0, 100),
        call("backend-1", "backend", 10, 90, peer="agent", call=MODEL_CALLS),
        span("agent", "backend-1", 12, 88),
        call("agent-1", "agent", 20, 50, peer="model", call=MODEL_CALLS),
        call("agent-2", "agent", 50, 80, peer="model", call=MODEL_CALLS),
    )
    assert measured.calls == {MODEL_CALLS: 2}


def test_a_search_for_an_address_is_no_call() -> None:
    """A span of DNS below a call has no peer: the call remains the time of the called service."""
    measured = trace(
        span("backend", None, 0, 100),
        call("backend-1", "backend", 10, 90, peer="model"),
        call("backend-dns", "backend-1", 10, 12),
    )
    assert measured.tier_times == pytest.approx({"backend": 22.0, "model": 78.0})


@st.composite
def any_spans(draw: st.DrawFn) -> list[TraceSpan]:
    """Draw spans with any parents and times."""
    count = draw(st.integers(1, 12))
    names = [f"s{draw(st.integers(0, 3))}-{number}" for number in range(count)]
    spans = [span(names[0], None, 0, draw(st.integers(0, 1000)))]
    for name in names[1:]:
        parent = draw(st.sampled_from([*names, "missing"]))
        start_ms = draw(st.integers(-500, 1500))
        spans.append(
            span(
                name,
                parent,
                start_ms,
                start_ms + draw(st.integers(-5, 800)),
                is_client=draw(st.booleans()),
                peer=draw(st.sampled_from([None, "db"])),
            )
        )
    return spans


@READING_LAW
@given(any_spans())
def test_no_tier_is_longer_than_the_request(spans: list[TraceSpan]) -> None:
    """Whatever the spans claim, a tier's time is between 0 and the time of the first span."""
    longest_ms = (spans[0].end_ns - spans[0].start_ns) / MS
    for time_ms in trace(*spans).tier_times.values():
        assert 0.0 <= time_ms <= longest_ms + 1e-9
