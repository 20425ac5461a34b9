from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.executors import (
    EXECUTORS,
    OpenLoop,
    in_words,
    list_warm_ups,
    phases_around,
    planned_s,
)
from bench.core.config.prompts import Expectation
from bench.core.config.scenario import OPEN_LOOP_ACCOUNTS, Scenario, Suites
from tests.factories import make_scenario, make_target

THINK_TIME = {"think_time_s": (5, 7)}
CONSTANT: dict[str, Any] = {"executor": "constant-vus", "vus": 10, "duration_s": 30, **THINK_TIME}
RAMP: dict[str, Any] = {
    "executor": "ramping-vus",
    "stages": [{"duration": "30s", "target": 50}, {"duration": "2m", "target": 50}],
    **THINK_TIME,
}
SPIKE: dict[str, Any] = {
    "executor": "spike",
    "base_vus": 10,
    "spike_vus": 40,
    "before_s": 10,
    "spike_s": 60,
    "after_s": 10,
    **THINK_TIME,
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
ITERATIONS: dict[str, Any] = {"executor": "per-vu-iterations", "vus": 5, "iterations": 3}
CALM = ITERATIONS
CANCELLING = {**ITERATIONS, "cancel_ratio": 1.0}
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
        (CONSTANT, "10 VUs, 30 s", 10, 10, 30),
        (RAMP, "0 to 50 VUs, 150 s", 50, 50, 150),
        (SPIKE, "10 and 40 more VUs, 80 s", 50, 50, 80),
        (ITERATIONS, "5 VUs × 3 requests", 5, 5, 3600),  # noqa: RUF001 - times
        ({"executor": "cases"}, "every message once", 1, 1, 3600),
        (RATE, "20 requests/s, 60 s", 0, OPEN_LOOP_ACCOUNTS, 60),
        (RAMP_RATE, "0 to 50 requests/s, 60 s", 0, OPEN_LOOP_ACCOUNTS, 60),
        ({**RAMP_RATE, "time_unit": "1m"}, "0 to 50 requests/60 s, 60 s", 0, OPEN_LOOP_ACCOUNTS, 60),
        (UP_AND_DOWN, "10 to 0 to 20 VUs, 20 s", 20, 30, 20),
    ],
)
def test_every_executor_has_words_vus_accounts_and_a_duration(
    phase: dict[str, Any], words: str, vus: int, accounts: int, duration_s: float
) -> None:
    """A load has a description, its VUs, the accounts that these need, and its longest duration."""
    scenario = _scenario(phase)
    assert in_words(scenario.phases) == words
    assert (scenario.vus, scenario.accounts, scenario.duration_s) == (vus, accounts, duration_s)


def test_every_executor_has_its_own_name() -> None:
    """The table of executors has each one under the name that files use."""
    for name, executor in EXECUTORS.items():
        assert executor.model_json_schema()["properties"]["executor"]["const"] == name


def test_the_description_leaves_warm_ups_out() -> None:
    """The description names the measured phases only; the planned time includes all phases."""
    scenario = _scenario({**CONSTANT, "warm_up": True}, RATE, CONSTANT)
    assert in_words(scenario.phases) == "20 requests/s, 60 s; then 10 VUs, 30 s"
    assert planned_s(scenario.phases) == 120
    assert list_warm_ups(scenario.phases) == (0,)
    assert (scenario.vus, scenario.accounts) == (10, OPEN_LOOP_ACCOUNTS)


def test_a_number_of_requests_has_no_planned_time() -> None:
    """If a number of requests ends a phase, its duration depends on the answers."""
    assert planned_s(_scenario(CONSTANT, ITERATIONS).phases) is None
    assert planned_s(_scenario({"executor": "cases"}, RATE).phases) is None


def test_rates_are_per_time_unit() -> None:
    """A rate of 20 per minute is a third of a request per second."""
    phases = _scenario({**RATE, "time_unit": "1m"}, {**RAMP_RATE, "time_unit": "10s"}).phases
    peaks = [phase.peak_rps for phase in phases if isinstance(phase, OpenLoop)]
    assert peaks == [pytest.approx(1 / 3), 5.0]


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        ({**RAMP, "stages": [{"duration": 1, "target": 0}]}, "start_vus and every target are 0"),
        ({**RAMP_RATE, "stages": [{"duration": 1, "target": 0}]}, "start_rate and every target are 0"),
        ({**CONSTANT, "warm_up": True}, "every phase is a warm-up"),
        ({**RATE, "arrivals": "burst"}, "'even' or 'poisson'"),
        ({**RATE, "max_vus": 0}, "greater than 0"),
        ({**ITERATIONS, "iterations": 0}, "greater than 0"),
        ({**ITERATIONS, "vus": 0}, "greater than 0"),
        ({**RAMP, "stages": []}, "at least 1 item"),
        ({**RAMP, "stages": [{"duration": -1, "target": 5}]}, "greater than or equal to 0"),
        ({**RAMP, "stages": [{"duration": 0, "target": 5}]}, "every stage has the duration 0"),
        ({**RAMP_RATE, "stages": [{"duration": 0, "target": 5}]}, "every stage has the duration 0"),
        ({**RAMP, "start_vus": 100_001}, "less than or equal to 100000"),
        ({**SPIKE, "base_vus": 0}, "greater than 0"),
        ({**SPIKE, "spike_vus": 0}, "greater than 0"),
        ({**SPIKE, "spike_s": 0}, "greater than 0"),
        ({**RATE, "rate": 0}, "greater than 0"),
        ({**RATE, "rate": 1_000_001}, "less than or equal to 1000000"),
        ({**RATE, **THINK_TIME}, "Extra inputs are not permitted"),
        ({**RAMP_RATE, "start_rate": -1}, "greater than or equal to 0"),
        ({"vus": 10, "duration_s": 30, **THINK_TIME}, "Unable to extract tag"),
        ({"executor": "trickle"}, "does not match any of the expected tags"),
    ],
)
def test_an_impossible_load_is_refused(phase: dict[str, Any], message: str) -> None:
    """A load that cannot be sent or measured is refused with the reason."""
    with pytest.raises(ValidationError, match=message):
        _scenario(phase)


def test_a_comparison_of_targets_needs_a_closed_loop() -> None:
    """The request to the second target follows the answer of the first one, so it has no planned time."""
    with pytest.raises(ValidationError, match="needs an executor with VUs"):
        _scenario(RATE, compare_with="ollama")


def test_recovery_needs_cancellations_between_two_phases_without() -> None:
    """The recovery ratio compares the phases around the cancellations."""
    assert _scenario(CALM, CANCELLING, CALM, recovery_ratio=2).recovery_ratio == 2
    with pytest.raises(
        ValidationError, match="needs a phase with cancel_ratio between two phases without it"
    ):
        _scenario(CALM, recovery_ratio=2)


def test_an_objective_limits_a_metric_of_single_answers() -> None:
    """Only metrics that a single answer has can have an objective."""
    assert _scenario(CONSTANT, objectives={"ttft_ms": 2000}).objectives == {"ttft_ms": 2000}
    with pytest.raises(ValidationError, match="only these metrics have objectives: e2e_ms, "):
        _scenario(CONSTANT, objectives={"success_ratio": 1})


def test_only_a_success_has_an_expected_text() -> None:
    """A refused message has no answer text."""
    assert Expectation(contains="x").status == 200
    with pytest.raises(ValidationError, match="needs a status from 200 to 299"):
        Expectation(status=400, contains="x")


def test_a_stream_of_events_needs_an_end() -> None:
    """Without the end of its stream, no answer of a target would be complete."""
    with pytest.raises(ValidationError, match="done, done_data, done_event or done_with_body"):
        make_target(answer={"kind": "sse", "text": "message"})


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_an_objective_is_above_0_and_finite(limit: float) -> None:
    """Other objectives cannot be met."""
    with pytest.raises(ValidationError, match="objectives"):
        _scenario(CONSTANT, objectives={"e2e_ms": limit})


@pytest.mark.parametrize("phase", [CONSTANT, RAMP, SPIKE, ITERATIONS, {"executor": "cases"}])
def test_every_closed_loop_has_a_think_time(phase: dict[str, Any]) -> None:
    """The think time of every closed loop goes from the shortest to the longest."""
    with pytest.raises(ValidationError, match=r"the shorter duration comes first, but 7 s is longer"):
        _scenario({**phase, "think_time_s": (7, 5)})


@pytest.mark.parametrize("phase", [CONSTANT, RAMP, SPIKE, ITERATIONS, {"executor": "cases"}, RATE, RAMP_RATE])
def test_every_executor_may_be_a_warm_up(phase: dict[str, Any]) -> None:
    """A warm-up takes its time and is not a part of the described load. The default is no warm-up."""
    scenario = _scenario({**phase, "warm_up": True}, CONSTANT)
    assert [phase.warm_up for phase in scenario.phases] == [True, False]
    assert in_words(scenario.phases) == "10 VUs, 30 s"
    assert scenario.duration_s == _scenario(phase).duration_s + 30
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


@pytest.mark.parametrize(
    ("phases", "around"),
    [
        ([CALM, CANCELLING, CALM], (0, 1, 2)),
        ([CALM, CALM, CANCELLING, CANCELLING, CALM], (1, 2, 4)),
        ([CALM], None),
        ([CANCELLING, CALM], None),
        ([CALM, CANCELLING], None),
    ],
)
def test_the_phases_around_cancellations_have_none(
    phases: list[dict[str, Any]], around: tuple[int, int, int] | None
) -> None:
    """They are the phase before the first cancellations and the next phase without any."""
    assert phases_around(make_scenario(phases=phases).phases) == around


@pytest.mark.parametrize(("vus", "accounts"), [(3, OPEN_LOOP_ACCOUNTS), (200, 200)])
def test_phases_share_the_accounts(vus: int, accounts: int) -> None:
    """Phases run one after the other, so the largest need counts."""
    assert _scenario({**CONSTANT, "vus": vus}, RATE).accounts == accounts


def test_a_suite_is_a_list_of_scenario_names() -> None:
    """An empty suite and a wrong name are refused."""
    assert Suites.model_validate({"pr": ["quick", "spike"]}).root == {"pr": ("quick", "spike")}
    empty: dict[str, list[str]] = {"pr": []}
    for wrong in (empty, {"pr": ["../quick"]}, {"Pull Request": ["quick"]}):
        with pytest.raises(ValidationError):
            Suites.model_validate(wrong)
