from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.config.scenario import Scenario
from bench.core.load.plan import plan
from bench.core.run.bottleneck import (
    Bottleneck,
    LoadBand,
    bottleneck,
    find_saturated,
    load_limits,
)
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_sample, make_scenario, make_spec

STEPS = (5, 10, 15, 20, 30, 50)
STEP_S = 60.0
NONSENSE = {"metric": "e2e_ms", "threshold": "soon", "value": 1, "crossed": True}


def staircase(steps: tuple[int, ...] = STEPS, **changes: Any) -> Scenario:
    """A scenario with more and more VUs and an objective."""
    phases = [
        {"executor": "constant-vus", "vus": vus, "duration_s": STEP_S, "think_time_s": (5, 5)}
        for vus in steps
    ]
    content: dict[str, Any] = {"phases": phases, "thresholds": {}, "objectives": {"e2e_ms": 10_000}}
    return make_scenario(**content | changes)


def climbing(
    latency_s: Callable[[int], float],
    steps: tuple[int, ...] = STEPS,
    tier_times: Callable[[int], Mapping[str, float]] = lambda _: {"decode": 100.0},
    **changes: Any,
) -> list[RequestSample]:
    """A run of these steps, in which a request takes this time at each number of VUs."""
    rows = []
    for phase, vus in enumerate(steps):
        begin_s = phase * (STEP_S + 40.0)
        for vu in range(vus):
            iteration, due_s = 0, begin_s
            while due_s < begin_s + STEP_S:
                took_s = latency_s(vus) * (0.95 + 0.1 * (vu % 3) / 2)
                row = {
                    "vu": vu,
                    "iteration": iteration,
                    "phase": phase,
                    "tier_times": tier_times(vus),
                    **changes,
                }
                rows.append(make_sample(at_s=due_s, latency_ms=1000 * took_s, **row))
                iteration, due_s = iteration + 1, due_s + took_s + 5.0
    return rows


def found_in(rows: list[RequestSample], scenario: Scenario, elapsed_s: float = 600.0) -> Bottleneck:
    """The run by load."""
    by_load = bottleneck(Samples.of(rows), plan(make_spec(scenario)), scenario, elapsed_s)
    assert by_load is not None
    return by_load


def beyond_20(vus: int) -> float:
    """Two seconds up to twenty VUs, twelve seconds beyond."""
    return 2.0 if vus <= 20 else 12.0


def test_a_known_breaking_point_is_found() -> None:
    """If requests take too long from thirty VUs on, the limit is crossed there, with certainty."""
    by_load = found_in(climbing(beyond_20), staircase())
    assert [band.vus for band in by_load.bands] == [(vus, vus) for vus in STEPS]
    assert by_load.broken_band == STEPS.index(30)
    band = by_load.bands[STEPS.index(30)]
    assert [item.expression.source for item in band.crossed] == ["p(95)<=10000"]
    assert band.certain
    assert (by_load.load_unit, by_load.planned_vus, by_load.limit_count) == ("vus", 50, 1)


def test_a_run_without_a_crossed_limit_has_no_breaking_point() -> None:
    """All bands keep the limits."""
    assert found_in(climbing(lambda _: 2.0), staircase()).broken_band is None


def test_a_few_slow_requests_are_not_certain() -> None:
    """Five slow requests of 45 cross a 95th percentile, and can be chance."""
    rows = climbing(lambda _: 2.0, (5,))
    slow = [row._replace(finished_s=row.scheduled_s + 20.0) for row in rows[:4]]
    band = found_in([*slow, *rows[4:]], staircase((5,))).bands[0]
    assert band.crossed
    assert not band.certain


def test_the_largest_share_is_the_tier_of_the_time() -> None:
    """Shares are of the whole response time, with unattributed time."""

    def tier_times(vus: int) -> dict[str, float]:
        return {"decode": 600.0, "queue": 100.0 * vus}

    by_load = found_in(climbing(lambda vus: 0.801 + 0.1 * vus, (5, 50), tier_times), staircase((5, 50)))
    first, last = by_load.bands
    assert (first.tier, last.tier) == ("decode", "queue")
    assert sum(first.shares.values()) == pytest.approx(1.0)
    assert last.shares["queue"] == pytest.approx(5000 / 5800, abs=0.02)


def test_without_tier_times_there_are_no_shares() -> None:
    """Responses without tier times have no tier with the largest share."""
    rows = climbing(lambda _: 1.0, (5,), lambda _: {})
    assert found_in(rows, staircase((5,))).bands[0].tier is None
    failed = climbing(lambda _: 1.0, (5,), outcome=Outcome.HTTP_ERROR)
    band = found_in(failed, staircase((5,))).bands[0]
    assert (band.p50_ms, band.tier, band.success_ratio) == (None, None, 0.0)
    assert [item.value for item in band.crossed] == [None]


def test_throughput_is_of_the_time_at_each_load() -> None:
    """Ten VUs with one second of waiting and five of think time get ten responses in six seconds."""
    by_load = found_in(climbing(lambda _: 1.0, (10,)), staircase((10,)), STEP_S)
    assert by_load.bands[0].requests_rps == pytest.approx(10 / 6, rel=0.05)


def test_responses_after_the_last_request_are_no_throughput() -> None:
    """Responses after the end of a phase belong to no load."""
    scenario = staircase((40,))
    rows = [make_sample(vu, vu=vu, iteration=0, at_s=0.0, latency_ms=1000.0 * (vu + 41)) for vu in range(40)]
    assert found_in(rows, scenario, 81.0).bands[0].requests_rps == pytest.approx(20 / STEP_S)


def test_a_saturated_load_brings_no_more_throughput() -> None:
    """A server with a fixed rate of responses is saturated if its VUs ask for more."""
    most_rps, steps = 4.0, (10, 20, 40, 80)
    by_load = found_in(climbing(lambda vus: max(1.0, vus / most_rps - 5.0), steps), staircase(steps), 999.0)
    assert by_load.saturated_band == steps.index(40)
    assert found_in(climbing(lambda _: 1.0), staircase()).saturated_band is None


def band(vus: int, rps: float | None, requests: int = 200) -> LoadBand:
    """A band with this throughput."""
    return LoadBand(
        vus=(vus, vus),
        requests=requests,
        p50_ms=None,
        p95_ms=None,
        success_ratio=1.0,
        requests_rps=rps,
    )


def test_saturation_is_not_chance() -> None:
    """An unknown throughput, one that falls later, or one of few requests is not a saturation."""
    assert find_saturated([band(10, 5.0), band(20, 5.1)]) == 0
    assert find_saturated([band(10, 5.0, 20), band(15, 5.1, 20)]) is None
    assert find_saturated([band(10, None), band(20, 5.1)]) is None
    assert find_saturated([band(10, 5.0), band(20, None)]) is None
    assert find_saturated([band(10, 5.0), band(20, 9.0), band(40, 5.0)]) == 1
    assert find_saturated([band(10, 5.0), band(12, 5.0)]) is None


def test_a_limit_needs_values() -> None:
    """An objective of first tokens does not apply to responses without a stream."""
    by_load = found_in(climbing(lambda _: 2.0), staircase(objectives={"e2e_ms": 9_000, "ttft_ms": 1}))
    assert by_load.broken_band is None


@pytest.mark.parametrize(
    "change",
    [
        {"bands": []},
        {"saturated_band": 1},
        {"bands": [band(5, 1.0).model_dump() | {"crossed": [NONSENSE]}]},
    ],
)
def test_an_impossible_bottleneck_is_refused(change: dict[str, Any]) -> None:
    """A file without bands, with an unknown band, or with a threshold that is not one is refused."""
    content = {"load_unit": "vus", "bands": [band(5, 1.0).model_dump()], "planned_vus": 5, "limit_count": 1}
    assert Bottleneck.model_validate(content).broken_band is None
    with pytest.raises(ValueError, match=r"bands|threshold|saturated_band"):
        Bottleneck.model_validate(content | change)


def test_limits_are_objectives_or_latencies_and_success() -> None:
    """Objectives replace thresholds of latencies, never those of success."""
    thresholds = {"e2e_ms": ["p(95)<5000", "avg<900"], "success_ratio": ["rate>0.95"], "tokens": ["count>1"]}
    latencies = load_limits(make_scenario(thresholds=thresholds))
    assert [item.expression.source for own in latencies.values() for item in own] == [
        "p(95)<5000", "avg<900", "rate>0.95",
    ]  # fmt: skip
    objectives = load_limits(make_scenario(thresholds=thresholds, objectives={"ttft_ms": 1500.5}))
    assert {key: own[0].expression.source for key, own in objectives.items()} == {
        "ttft_ms": "p(95)<=1500.5", "success_ratio": "rate>0.95",
    }  # fmt: skip
    assert load_limits(make_scenario(thresholds={})) == {}


def test_failures_cross_a_limit_of_success() -> None:
    """A limit of success is judged like other limits and can be certain."""
    rows = climbing(lambda _: 1.0, (5, 50))
    rows = [
        row._replace(outcome=Outcome.TIMEOUT) if row.phase == 1 and row.vu % 5 == 0 else row for row in rows
    ]
    scenario = staircase((5, 50), objectives={}, thresholds={"success_ratio": ["rate>0.95"]})
    by_load = found_in(rows, scenario)
    assert [[item.metric for item in band.crossed] for band in by_load.bands] == [[], ["success_ratio"]]
    assert by_load.bands[1].certain


@pytest.mark.parametrize(("limit", "certain"), [("avg<2500", True), ("med<2500", True), ("max<2500", True)])
def test_every_limit_can_be_certain(limit: str, certain: bool) -> None:
    """A limit of a mean is certain with the requests of a reliable 95th percentile."""
    scenario = staircase((20,), objectives={}, thresholds={"e2e_ms": [limit]})
    assert found_in(climbing(lambda _: 2.0, (20,)), scenario).bands[0].certain is certain
    few = found_in(
        climbing(lambda _: 2.0, (1,)), staircase((1,), objectives={}, thresholds={"e2e_ms": [limit]})
    )
    assert few.bands[0].certain is limit.startswith("med")


def test_no_answers_have_no_bottleneck() -> None:
    """A run without answers, and several joined runs, have no bottleneck."""
    scenario = staircase((5,))
    for rows in (
        [],
        climbing(lambda _: 1.0, (5,), outcome=Outcome.CANCELLED),
        climbing(lambda _: 1.0, (5,)) * 2,
    ):
        assert bottleneck(Samples.of(rows), plan(make_spec(scenario)), scenario, 60.0) is None


def test_open_loops_have_requests_in_flight() -> None:
    """A rate above the capacity increases the number of requests in flight."""
    scenario = make_scenario(
        phases=[
            {"executor": "ramping-arrival-rate", "start_rate": 1, "stages": [{"duration": 30, "target": 40}]}
        ],
        thresholds={"e2e_ms": ["p(95)<2000"]},
    )
    due_s = np.cumsum(1.0 / np.linspace(2, 40, 600))
    done_s = np.maximum.accumulate(np.maximum(due_s + 0.1, (np.arange(600) + 1) / 8.0))
    rows = [
        make_sample(seq, vu=seq, iteration=0, at_s=float(due), latency_ms=1000 * float(done - due))
        for seq, (due, done) in enumerate(zip(due_s, done_s, strict=True))
    ]
    by_load = found_in(rows, scenario, float(done_s[-1]))
    assert by_load.load_unit == "requests in flight"
    assert by_load.planned_vus is None
    assert by_load.broken_band not in {None, 0}
    assert by_load.bands[-1].vus[1] > 100


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.1, 15.0), min_size=3, max_size=3), st.floats(50, 20_000), st.floats(1.0, 3.0))
def test_a_stricter_objective_breaks_no_later(takes_s: list[float], limit_ms: float, looser: float) -> None:
    """A looser objective is never crossed in an earlier band."""
    steps = (4, 8, 16)
    rows = climbing(dict(zip(steps, takes_s, strict=True)).__getitem__, steps)
    strict, loose = (
        found_in(rows, staircase(steps, objectives={"e2e_ms": limit})).broken_band
        for limit in (limit_ms, limit_ms * looser)
    )
    assert (len(steps) if strict is None else strict) <= (len(steps) if loose is None else loose)
    by_load = found_in(rows, staircase(steps))
    assert sum(band.requests for band in by_load.bands) == len(rows)
