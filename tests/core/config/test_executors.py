from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.executors import in_words, phases_around, planned_s
from bench.core.config.prompts import Expectation
from bench.core.config.scenario import OPEN_LOOP_ACCOUNTS, Scenario, Suites
from tests.factories import make_scenario, make_target

PAUSE = {"think_time_s": (5, 7)}
FIXED: dict[str, Any] = {"executor": "constant-vus", "vus": 10, "duration_s": 30, **PAUSE}
RAMP: dict[str, Any] = {
    "executor": "ramping-vus",
    "stages": [{"duration": "30s", "target": 50}, {"duration": "2m", "target": 50}],
    **PAUSE,
}
SPIKE: dict[str, Any] = {
    "executor": "spike",
    "base_vus": 10,
    "spike_vus": 40,
    "before_s": 10,
    "spike_s": 60,
    "after_s": 10,
    **PAUSE,
}
UP_AND_DOWN: dict[str, Any] = {
    "executor": "ramping-vus",
    "start_vus": 10,
    "stages": [
        {"duration": "10s", "target": 0},
        {"duration": 0, "target": 20},
        {"duration": 10, "target": 20},
    ],
}
TURNS: dict[str, Any] = {"executor": "per-vu-iterations", "vus": 5, "iterations": 3}
CALM, LEFT = TURNS, {**TURNS, "cancel_ratio": 1.0}
RATE: dict[str, Any] = {"executor": "constant-arrival-rate", "rate": 20, "duration_s": 60}
RAMP_RATE: dict[str, Any] = {
    "executor": "ramping-arrival-rate",
    "stages": [{"duration": "1m", "target": 50}],
}


def _scenario(*phases: dict[str, Any], **changes: Any) -> Scenario:
    return make_scenario(phases=list(phases), **changes)


@pytest.mark.parametrize(
    ("phase", "words", "vus", "accounts", "duration_s"),
    [
        (FIXED, "10 VUs, 30 s", 10, 10, 30),
        (RAMP, "0 to 50 VUs, 150 s", 50, 50, 150),
        (SPIKE, "10 and 40 more VUs, 80 s", 50, 50, 80),
        (TURNS, "5 VUs × 3 requests", 5, 5, 3600),  # noqa: RUF001 - times
        ({"executor": "cases"}, "every message once", 1, 1, 3600),
        (RATE, "20 requests/s, 60 s", 0, OPEN_LOOP_ACCOUNTS, 60),
        (RAMP_RATE, "0 to 50 requests/s, 60 s", 0, OPEN_LOOP_ACCOUNTS, 60),
        ({**RAMP_RATE, "time_unit": "1m"}, "0 to 50 requests/60 s, 60 s", 0, OPEN_LOOP_ACCOUNTS, 60),
        (UP_AND_DOWN, "10 to 0 to 20 VUs, 20 s", 20, 30, 20),
    ],
)
def test_each_load_says_what_it_is(
    phase: dict[str, Any], words: str, vus: int, accounts: int, duration_s: float
) -> None:
    """A load has its words, its users, the accounts that these need, and its longest time."""
    scenario = _scenario(phase)
    assert in_words(scenario.phases) == words
    assert (scenario.vus, scenario.accounts, scenario.duration_s) == (vus, accounts, duration_s)


def test_warm_up_is_not_spoken_of() -> None:
    """What is said of a load is what is measured; all parts take their time."""
    scenario = _scenario({**FIXED, "warm_up": True}, RATE, FIXED)
    assert in_words(scenario.phases) == "20 requests/s, 60 s; then 10 VUs, 30 s"
    assert planned_s(scenario.phases) == 120
    assert (scenario.vus, scenario.accounts) == (10, OPEN_LOOP_ACCOUNTS)


def test_a_number_of_requests_has_no_planned_time() -> None:
    """Where requests end a load, nobody knows when."""
    assert planned_s(_scenario(FIXED, TURNS).phases) is None
    assert planned_s(_scenario({"executor": "cases"}, RATE).phases) is None


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        ({**RAMP, "stages": [{"duration": 1, "target": 0}]}, "start_vus and every target are 0"),
        ({**RAMP_RATE, "stages": [{"duration": 1, "target": 0}]}, "start_rate and every target are 0"),
        ({**FIXED, "warm_up": True}, "every stage is a warm-up"),
        ({**RATE, "arrivals": "burst"}, "'even' or 'poisson'"),
        ({**RATE, "max_vus": 0}, "greater than 0"),
        ({**TURNS, "iterations": 0}, "greater than 0"),
        ({**TURNS, "vus": 0}, "greater than 0"),
        ({**RAMP, "stages": []}, "at least 1 item"),
        ({**RAMP, "stages": [{"duration": -1, "target": 5}]}, "greater than or equal to 0"),
        ({**RAMP, "stages": [{"duration": 0, "target": 5}]}, "every stage takes 0 s"),
        ({**RAMP_RATE, "stages": [{"duration": 0, "target": 5}]}, "every stage takes 0 s"),
        ({**RAMP, "start_vus": 100_001}, "less than or equal to 100000"),
        ({**SPIKE, "base_vus": 0}, "greater than 0"),
        ({**SPIKE, "spike_vus": 0}, "greater than 0"),
        ({**SPIKE, "spike_s": 0}, "greater than 0"),
        ({**RATE, "rate": 0}, "greater than 0"),
        ({**RATE, "rate": 1_000_001}, "less than or equal to 1000000"),
        ({**RATE, **PAUSE}, "Extra inputs are not permitted"),
        ({**RAMP_RATE, "start_rate": -1}, "greater than or equal to 0"),
        ({"vus": 10, "duration_s": 30, **PAUSE}, "Unable to extract tag"),
        ({"executor": "trickle"}, "does not match any of the expected tags"),
    ],
)
def test_a_load_that_makes_no_sense_is_refused(phase: dict[str, Any], message: str) -> None:
    """What could not be sent, or not be measured, is refused with the reason."""
    with pytest.raises(ValidationError, match=message):
        _scenario(phase)


def test_a_target_beside_needs_a_closed_loop() -> None:
    """What is asked after another answer has no time of its own."""
    with pytest.raises(ValidationError, match="a target beside needs closed loops"):
        _scenario(RATE, compare_with="ollama")


def test_an_objective_is_of_a_single_answer() -> None:
    """Only what one answer has can be asked of it."""
    assert _scenario(FIXED, objectives={"ttft_ms": 2000}).objectives == {"ttft_ms": 2000}
    with pytest.raises(ValidationError, match="'success_ratio' cannot be an objective; there are e2e_ms"):
        _scenario(FIXED, objectives={"success_ratio": 1})


def test_an_expectation_is_of_an_answer() -> None:
    """A refusal has no text to look into."""
    with pytest.raises(ValidationError, match="contains needs a status from 200 to 299"):
        Expectation(status=400, contains="x")


def test_a_stream_of_events_has_an_end() -> None:
    """A target that does not say how its stream ends could never be answered right."""
    with pytest.raises(ValidationError, match="say how the stream ends"):
        make_target(answer={"kind": "sse", "text": "message"})


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_an_objective_is_a_time_that_can_be_met(limit: float) -> None:
    """An objective is above 0 and finite."""
    with pytest.raises(ValidationError, match="objectives"):
        _scenario(FIXED, objectives={"e2e_ms": limit})


@pytest.mark.parametrize("phase", [FIXED, RAMP, SPIKE, TURNS, {"executor": "cases"}])
def test_every_closed_loop_has_its_pause_in_order(phase: dict[str, Any]) -> None:
    """Whatever the loop, a pause is from the shortest to the longest."""
    with pytest.raises(ValidationError, match=r"the shortest comes first, but 7 s is longer than 5 s"):
        _scenario({**phase, "think_time_s": (7, 5)})


@pytest.mark.parametrize("phase", [FIXED, RAMP, SPIKE, TURNS, {"executor": "cases"}, RATE, RAMP_RATE])
def test_every_load_may_warm_up_before_what_is_measured(phase: dict[str, Any]) -> None:
    """Nothing is a warm-up unless it says so; one that does takes its time and is not the load."""
    scenario = _scenario({**phase, "warm_up": True}, FIXED)
    assert [each.warm_up for each in scenario.phases] == [True, False]
    assert in_words(scenario.phases) == "10 VUs, 30 s"
    assert scenario.duration_s == _scenario(phase).duration_s + 30
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


@pytest.mark.parametrize(
    ("phases", "around"),
    [
        ([CALM, LEFT, CALM], (0, 1, 2)),
        ([CALM, CALM, LEFT, LEFT, CALM], (1, 2, 4)),
        ([CALM], None),
        ([LEFT, CALM], None),
        ([CALM, LEFT], None),
    ],
)
def test_the_stages_around_are_those_without_cancellations(
    phases: list[dict[str, Any]], around: tuple[int, int, int] | None
) -> None:
    """Compared are the stage before the first cancellations and the first one without after them."""
    assert phases_around(make_scenario(phases=phases).phases) == around


@pytest.mark.parametrize(("vus", "accounts"), [(3, OPEN_LOOP_ACCOUNTS), (200, 200)])
def test_users_and_requests_share_the_accounts(vus: int, accounts: int) -> None:
    """Stages follow each other, so the accounts are those of the largest need."""
    assert _scenario({**FIXED, "vus": vus}, RATE).accounts == accounts


def test_a_suite_names_scenarios() -> None:
    """A suite is a list of names; an empty one, and what is no name, is refused."""
    assert Suites.model_validate({"pr": ["quick", "spike"]}).root == {"pr": ("quick", "spike")}
    nobody: dict[str, list[str]] = {"pr": []}
    for wrong in (nobody, {"pr": ["../quick"]}, {"Pull Request": ["quick"]}):
        with pytest.raises(ValidationError):
            Suites.model_validate(wrong)
