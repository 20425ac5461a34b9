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
    """More and more users, with an objective."""
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
    """A run up those steps, in which a request takes so long when so many users are there."""
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
    found = bottleneck(Samples.of(rows), plan(make_spec(scenario)), scenario, elapsed_s)
    assert found is not None
    return found


def beyond_20(vus: int) -> float:
    """Two seconds up to twenty users, twelve beyond."""
    return 2.0 if vus <= 20 else 12.0


def test_a_known_breaking_point_is_found() -> None:
    """Where requests take too long from thirty users on, the limit breaks there, surely, and is named."""
    found = found_in(climbing(beyond_20), staircase())
    assert [band.vus for band in found.bands] == [(vus, vus) for vus in STEPS]
    assert found.broken_band == STEPS.index(30)
    band = found.bands[STEPS.index(30)]
    assert [each.expression.source for each in band.crossed] == ["p(95)<=10000"]
    assert band.certain
    assert (found.load_unit, found.planned_vus, found.limit_count) == ("vus", 50, 1)


def test_a_run_that_keeps_its_limits_breaks_nowhere() -> None:
    """Without a crossed limit there is no breaking point."""
    assert found_in(climbing(lambda _: 2.0), staircase()).broken_band is None


def test_a_few_slow_requests_are_no_certainty() -> None:
    """Of 45 requests, five slow ones cross a 95th percentile, and could do so by chance."""
    rows = climbing(lambda _: 2.0, (5,))
    slow = [row._replace(finished_s=row.scheduled_s + 20.0) for row in rows[:4]]
    band = found_in([*slow, *rows[4:]], staircase((5,))).bands[0]
    assert band.crossed
    assert not band.certain


def test_the_time_goes_to_the_tier_with_the_largest_share() -> None:
    """Shares are of all the time of the answers, what no tier claims among it."""

    def tier_times(vus: int) -> dict[str, float]:
        return {"decode": 600.0, "queue": 100.0 * vus}

    found = found_in(climbing(lambda vus: 0.801 + 0.1 * vus, (5, 50), tier_times), staircase((5, 50)))
    first, last = found.bands
    assert (first.tier, last.tier) == ("decode", "queue")
    assert sum(first.shares.values()) == pytest.approx(1.0)
    assert last.shares["queue"] == pytest.approx(5000 / 5800, abs=0.02)


def test_what_answers_do_not_say_is_not_known() -> None:
    """Without tiers there are no shares, and no tier that the time goes to."""
    rows = climbing(lambda _: 1.0, (5,), lambda _: {})
    assert found_in(rows, staircase((5,))).bands[0].tier is None
    failed = climbing(lambda _: 1.0, (5,), outcome=Outcome.HTTP_ERROR)
    band = found_in(failed, staircase((5,))).bands[0]
    assert (band.p50_ms, band.tier, band.success_ratio) == (None, None, 0.0)
    assert [each.value for each in band.crossed] == [None]


def test_throughput_is_of_answers_while_so_many_were_there() -> None:
    """Ten users who wait one second and pause five give ten answers in six."""
    found = found_in(climbing(lambda _: 1.0, (10,)), staircase((10,)), STEP_S)
    assert found.bands[0].requests_rps == pytest.approx(10 / 6, rel=0.05)


def test_answers_after_the_last_request_are_no_throughput() -> None:
    """When a stage is over those who wait are answered, and that is the rate of no load."""
    scenario = staircase((40,))
    rows = [make_sample(vu, vu=vu, iteration=0, at_s=0.0, latency_ms=1000.0 * (vu + 41)) for vu in range(40)]
    assert found_in(rows, scenario, 81.0).bands[0].requests_rps == pytest.approx(20 / STEP_S)


def test_saturation_is_where_more_users_bring_no_more_answers() -> None:
    """A server of so many answers per second is saturated when its users ask for more."""
    most_rps, steps = 4.0, (10, 20, 40, 80)
    found = found_in(climbing(lambda vus: max(1.0, vus / most_rps - 5.0), steps), staircase(steps), 999.0)
    assert found.saturated_band == steps.index(40)
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


def test_saturation_is_not_said_by_chance() -> None:
    """A throughput that is not known, that falls back, or of few requests, says nothing."""
    assert find_saturated([band(10, 5.0), band(20, 5.1)]) == 0
    assert find_saturated([band(10, 5.0, 20), band(15, 5.1, 20)]) is None
    assert find_saturated([band(10, None), band(20, 5.1)]) is None
    assert find_saturated([band(10, 5.0), band(20, None)]) is None
    assert find_saturated([band(10, 5.0), band(20, 9.0), band(40, 5.0)]) == 1
    assert find_saturated([band(10, 5.0), band(12, 5.0)]) is None


def test_what_answers_do_not_have_is_not_asked_of_them() -> None:
    """An objective for first tokens says nothing of answers that come all at once."""
    found = found_in(climbing(lambda _: 2.0), staircase(objectives={"e2e_ms": 9_000, "ttft_ms": 1}))
    assert found.broken_band is None


@pytest.mark.parametrize(
    "change",
    [
        {"bands": []},
        {"saturated_band": 1},
        {"bands": [band(5, 1.0).model_dump() | {"crossed": [NONSENSE]}]},
    ],
)
def test_what_no_run_has_is_refused(change: dict[str, Any]) -> None:
    """A file may say anything: no band, one that is not there, a limit that is none."""
    content = {"load_unit": "vus", "bands": [band(5, 1.0).model_dump()], "planned_vus": 5, "limit_count": 1}
    assert Bottleneck.model_validate(content).broken_band is None
    with pytest.raises(ValueError, match=r"bands|threshold|saturated_band"):
        Bottleneck.model_validate(content | change)


def test_limits_are_objectives_or_latencies_and_success() -> None:
    """Objectives take the place of limits of latencies, never of those of success."""
    thresholds = {"e2e_ms": ["p(95)<5000", "avg<900"], "success_ratio": ["rate>0.95"], "tokens": ["count>1"]}
    latencies = load_limits(make_scenario(thresholds=thresholds))
    assert [each.expression.source for own in latencies.values() for each in own] == [
        "p(95)<5000", "avg<900", "rate>0.95",
    ]  # fmt: skip
    objectives = load_limits(make_scenario(thresholds=thresholds, objectives={"ttft_ms": 1500.5}))
    assert {key: own[0].expression.source for key, own in objectives.items()} == {
        "ttft_ms": "p(95)<=1500.5", "success_ratio": "rate>0.95",
    }  # fmt: skip
    assert load_limits(make_scenario(thresholds={})) == {}


def test_failures_break_a_limit_of_success() -> None:
    """Success is a limit like any other, and that it breaks can be certain."""
    rows = climbing(lambda _: 1.0, (5, 50))
    rows = [
        row._replace(outcome=Outcome.TIMEOUT) if row.phase == 1 and row.vu % 5 == 0 else row for row in rows
    ]
    scenario = staircase((5, 50), objectives={}, thresholds={"success_ratio": ["rate>0.95"]})
    found = found_in(rows, scenario)
    assert [[each.metric for each in band.crossed] for band in found.bands] == [[], ["success_ratio"]]
    assert found.bands[1].certain


@pytest.mark.parametrize(("limit", "certain"), [("avg<2500", True), ("med<2500", True), ("max<2500", True)])
def test_any_limit_can_be_certain(limit: str, certain: bool) -> None:
    """A limit of a mean is certain with as many requests as a 95th percentile needs."""
    scenario = staircase((20,), objectives={}, thresholds={"e2e_ms": [limit]})
    assert found_in(climbing(lambda _: 2.0, (20,)), scenario).bands[0].certain is certain
    few = found_in(
        climbing(lambda _: 2.0, (1,)), staircase((1,), objectives={}, thresholds={"e2e_ms": [limit]})
    )
    assert few.bands[0].certain is limit.startswith("med")


def test_nothing_answered_has_no_bottleneck() -> None:
    """Without an answer, or with several runs as one, there is nothing to say."""
    scenario = staircase((5,))
    for rows in (
        [],
        climbing(lambda _: 1.0, (5,), outcome=Outcome.CANCELLED),
        climbing(lambda _: 1.0, (5,)) * 2,
    ):
        assert bottleneck(Samples.of(rows), plan(make_spec(scenario)), scenario, 60.0) is None


def test_open_loops_are_told_apart_by_requests_in_flight() -> None:
    """A rate that grows beyond what is answered piles requests up, and the load is their number."""
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
    found = found_in(rows, scenario, float(done_s[-1]))
    assert found.load_unit == "requests in flight"
    assert found.planned_vus is None
    assert found.broken_band not in {None, 0}
    assert found.bands[-1].vus[1] > 100


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.1, 15.0), min_size=3, max_size=3), st.floats(50, 20_000), st.floats(1.0, 3.0))
def test_a_stricter_objective_breaks_no_later(takes_s: list[float], limit_ms: float, looser: float) -> None:
    """The band at which an objective breaks does not fall when the objective is loosened."""
    steps = (4, 8, 16)
    rows = climbing(dict(zip(steps, takes_s, strict=True)).__getitem__, steps)
    strict, loose = (
        found_in(rows, staircase(steps, objectives={"e2e_ms": limit})).broken_band
        for limit in (limit_ms, limit_ms * looser)
    )
    assert (len(steps) if strict is None else strict) <= (len(steps) if loose is None else loose)
    found = found_in(rows, staircase(steps))
    assert sum(band.requests for band in found.bands) == len(rows)
