from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.report.placed_tiers import PlacedTier, TraceFinder
from bench.core.tiers.request_trace import RequestTrace, TierPeriod
from bench.core.tiers.trace_ids import RequestKey, run_prefix
from bench.core.tiers.traced_loads import TracedLoad, list_traced
from tests.core.tiers.spans import call, span, trace
from tests.factories import make_sample

PREFIX = run_prefix("run/1").hex()
KEY = RequestKey(phase=0, vu=0, iteration=0, arm=0)
TIERS = ("backend", "agent", "model")
_TIMES = st.floats(0.0, 200.0)
_PERIODS = st.lists(st.builds(TierPeriod, st.sampled_from([*TIERS, "unknown"]), _TIMES, _TIMES), max_size=8)


def place(traced: RequestTrace, sent_ms: float, end_ms: float) -> tuple[PlacedTier, ...]:
    """Return the places of the tiers of a request with this trace."""
    load = TracedLoad(prefix=PREFIX, requests=list_traced({KEY: traced}))
    return TraceFinder([load], TIERS).place(make_sample(0), sent_ms, end_ms).tiers


def test_tiers_have_the_places_of_their_spans() -> None:
    """The trace is in the middle of the time for the response."""
    traced = trace(
        span("backend", None, 1_000, 1_100),
        call("backend-call", "backend", 1_010, 1_090),
        span("agent", "backend-call", 1_012, 1_088),
        call("agent-model", "agent", 1_020, 1_070, peer="model"),
    )
    placed = place(traced, sent_ms=5.0, end_ms=111.0)
    assert [(TIERS[part.tier], part.start_ms, part.length_ms) for part in placed] == [
        ("backend", 8.0, 10.0),
        ("agent", 18.0, 10.0),
        ("model", 28.0, 50.0),
        ("agent", 78.0, 20.0),
        ("backend", 98.0, 10.0),
    ]
    assert {part.lane for part in placed} == {0}


def test_tiers_that_worked_at_the_same_time_have_different_lanes() -> None:
    """No part covers another one."""
    traced = trace(
        span("backend", None, 0, 100),
        call("backend-1", "backend", 10, 60, peer="model"),
        call("backend-2", "backend", 20, 80, peer="agent"),
    )
    placed = place(traced, sent_ms=0.0, end_ms=100.0)
    assert len({part.lane for part in placed}) == 2
    for one, other in combinations(placed, 2):
        begin_ms = max(one.start_ms, other.start_ms)
        end_ms = min(one.start_ms + one.length_ms, other.start_ms + other.length_ms)
        assert end_ms <= begin_ms or one.lane != other.lane


@given(_PERIODS, _TIMES, _TIMES, st.floats(0.0, 10.0))
def test_no_tier_is_outside_of_its_request(
    periods: list[TierPeriod], sent_ms: float, service_ms: float, excess_ms: float
) -> None:
    """A trace may be longer than its response, and clocks may differ; unknown tiers are left out."""
    end_ms = sent_ms + service_ms
    traced = RequestTrace({}, {}, service_ms + excess_ms, tuple(periods))
    for part in place(traced, sent_ms, end_ms):
        assert part.start_ms >= sent_ms - 0.06
        assert part.start_ms + part.length_ms <= end_ms + 0.06
        assert part.tier < len(TIERS)


@pytest.mark.parametrize(("end_ms", "error_ms"), [(100.0, 0.0), (104.0, 2.0), (96.0, 2.0), (111.0, 5.5)])
def test_the_error_of_a_place_is_half_of_the_unknown_time(end_ms: float, error_ms: float) -> None:
    """The network before and after a trace is not known separately."""
    load = TracedLoad(prefix=PREFIX, requests=list_traced({KEY: trace(span("backend", None, 0, 100))}))
    placed = TraceFinder([load], TIERS).place(make_sample(0), 0.0, end_ms)
    assert len(placed.tiers) == 1
    assert placed.error_ms == error_ms


@pytest.mark.parametrize("end_ms", [130.0, 30_000.0, 50.0])
def test_a_trace_that_explains_little_of_its_request_has_no_places(end_ms: float) -> None:
    """A request that waited for longer may have had its work at any time, so no place is invented."""
    assert place(trace(span("backend", None, 0, 100)), 0.0, end_ms) == ()


def test_another_request_has_no_places() -> None:
    """Requests without a trace, and runs without spans, have no places and no invented ones."""
    traced = trace(span("backend", None, 0, 100))
    load = TracedLoad(prefix=PREFIX, requests=list_traced({KEY: traced}))
    assert TraceFinder([load], TIERS).place(make_sample(1), 0.0, 100.0).tiers == ()
    assert TraceFinder([], TIERS).place(make_sample(0), 0.0, 100.0).tiers == ()
    assert TraceFinder([], TIERS).trace(make_sample(0)) is None


def test_a_joined_load_finds_its_own_traces() -> None:
    """Two loads may have the same keys: the time of the request decides, and the phase that it had then."""
    loads = []
    for number, tier in enumerate(TIERS[:2]):
        requests = list_traced({KEY: trace(span(tier, None, 0, 100))})
        load = TracedLoad(prefix=PREFIX, start_s=30.0 * number, phase=0, requests=requests)
        loads.append(load)
    finder = TraceFinder(loads, TIERS)
    for at_s, expected in ((0.0, 0), (29.0, 0), (30.0, 1), (45.0, 1)):
        (part,) = finder.place(make_sample(0, at_s=at_s, phase=7), 0.0, 100.0).tiers
        assert part.tier == expected


def test_periods_add_up_to_the_times_of_the_tiers() -> None:
    """The places and the lengths are those of one computation."""
    traced = trace(
        span("backend", None, 0, 100),
        call("backend-1", "backend", 10, 60, peer="model"),
        call("backend-2", "backend", 20, 80, peer="agent"),
    )
    for tier, time_ms in traced.tier_times.items():
        lengths_ms = [period.length_ms for period in traced.periods if period.tier == tier]
        assert sum(lengths_ms) == pytest.approx(time_ms)
    assert traced.length_ms == pytest.approx(100.0)
