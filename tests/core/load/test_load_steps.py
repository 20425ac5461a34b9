"""The present step of a load and the next ones are those of its plan, at every moment."""

from itertools import pairwise

import pytest

from bench.core.config.executors import planned_s
from bench.core.load.load_steps import LAST_ANSWERS, MEASURING, WARM_UP, LoadSteps, NextStage, list_steps
from tests.factories import make_scenario

CONSTANT = {"executor": "constant-vus", "vus": 10, "duration": 30}
RAMP = {
    "executor": "ramping-vus",
    "start_vus": 1,
    "stages": [
        {"duration": 8, "target": 20},
        {"duration": 12, "target": 20},
        {"duration": 0, "target": 5},
        {"duration": 4, "target": 0},
    ],
}
SPIKE = {"executor": "spike", "base_vus": 2, "spike_vus": 3, "before": 5, "spike_duration": 6, "after": 7}
RATE = {"executor": "constant-arrival-rate", "rate": 5, "duration": 10}
RATES = {
    "executor": "ramping-arrival-rate",
    "start_rate": 1,
    "time_unit": "1m",
    "stages": [{"duration": 10, "target": 60}],
}
SERIES = {"executor": "arrival-rate-series", "rates": [[0, 1], [10, 2]], "duration": 10}
TURNS = {"executor": "per-vu-iterations", "vus": 1, "iterations": 6}
CASES = {"executor": "cases"}
EVERY = {
    "constant": CONSTANT,
    "ramp": RAMP,
    "spike": SPIKE,
    "rate": RATE,
    "rates": RATES,
    "series": SERIES,
    "turns": TURNS,
    "cases": CASES,
}


def steps_of(*phases: dict[str, object]) -> LoadSteps:
    """Return the steps of a scenario with these phases."""
    return LoadSteps(make_scenario(phases=[*phases]).phases)


def test_a_load_of_one_step_is_measuring() -> None:
    """Its end is the planned end; after it the last answers arrive."""
    steps = steps_of(CONSTANT)
    assert steps.at(0, 12.0) == (MEASURING, ())
    assert steps.at(0, 30.0) == (LAST_ANSWERS, ())


def test_a_ramp_names_its_next_stages_with_their_starts() -> None:
    """Stages that take no time are left out, but change the load of the next one."""
    steps = steps_of(RAMP)
    assert steps.at(0, 0.0) == (
        "ramp to 20 VUs",
        (NextStage("20 VUs", 8.0), NextStage("ramp to 0 VUs", 20.0)),
    )
    assert steps.at(0, 8.0) == ("20 VUs", (NextStage("ramp to 0 VUs", 12.0),))
    assert steps.at(0, 21.0).words == "ramp to 0 VUs"


def test_a_spike_has_three_steps() -> None:
    """The load before it, with it, and after it."""
    steps = steps_of(SPIKE)
    words = []
    for at_s in (0.0, 5.0, 11.0, 18.0):
        words.append(steps.at(0, at_s).words)
    assert words == ["2 VUs", "spike to 5 VUs", "2 VUs again", LAST_ANSWERS]
    assert steps.at(0, 3.0).stages[0] == NextStage("spike to 5 VUs", 2.0)


def test_later_phases_start_when_the_earlier_ones_end() -> None:
    """A warm-up comes first; a phase that requests end gives the next one no time."""
    steps = steps_of({**CONSTANT, "duration": 6, "warm_up": True}, CONSTANT, TURNS, RATE)
    first = steps.at(0, 2.0)
    assert first.words == WARM_UP
    assert first.stages == (
        NextStage("10 VUs", 4.0),
        NextStage("1 VU, 6 requests each", 34.0),
        NextStage("5 requests/s", None),
    )
    assert steps.at(2, 100.0) == ("1 VU, 6 requests each", (NextStage("5 requests/s", None),))


@pytest.mark.parametrize("name", EVERY)
def test_every_executor_has_steps_in_order(name: str) -> None:
    """The first step starts with the phase, and no step starts after the end."""
    (phase,) = make_scenario(phases=[EVERY[name]]).phases
    steps = [*list_steps(phase)]
    assert steps[0].start_s == 0.0
    assert all(first.start_s < second.start_s for first, second in pairwise(steps))
    assert all(step.start_s < phase.duration_s for step in steps)
    assert all(step.words for step in steps)


def test_no_stage_starts_in_the_past() -> None:
    """At every moment the next stages are in order, and their starts lie in the planned time."""
    phases = [{**CONSTANT, "warm_up": True}, RAMP, SPIKE, RATES, RATE]
    loads = make_scenario(phases=phases).phases
    steps = LoadSteps(loads)
    total_s = planned_s(loads)
    assert total_s is not None
    before_s = 0.0
    for number, load in enumerate(loads):
        for at_s in range(int(load.duration_s) + 3):
            starts = [stage.starts_in_s for stage in steps.at(number, at_s).stages]
            assert starts == sorted(starts, key=lambda start_s: start_s or 0.0)
            for start_s in starts:
                assert start_s is not None
                assert 0.0 <= start_s <= total_s - before_s
        before_s += load.duration_s
