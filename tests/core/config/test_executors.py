from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.executors import EXECUTORS, OpenLoop, list_warm_ups, phases_around, planned_s
from bench.core.config.load_words import in_words
from bench.core.config.prompts import Expectation
from bench.core.config.scenario import OPEN_LOOP_ACCOUNTS, Scenario
from bench.core.config.suites import Suites
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
SERIES: dict[str, Any] = {
    "executor": "arrival-rate-series",
    "rates": [(10, 5), (30, 15), (30, 10), (100, 10)],
}
TIMES: dict[str, Any] = {"executor": "arrival-times", "times": [5, 5, 5.5, 25]}


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
        ({**CONSTANT, "spawn_rate": 0.5}, "10 VUs, 30 s, 0.5 VUs start per second", 10, 10, 30),
        ({**ITERATIONS, "spawn_rate": 2}, "5 VUs × 3 requests, 2 VUs start per second", 5, 5, 3600),  # noqa: RUF001 - times
        ({**SPIKE, "spawn_rate": 4}, "10 and 40 more VUs, 80 s, 4 VUs start per second", 50, 50, 80),
        ({**RATE, "arrivals": "poisson"}, "20 requests/s, 60 s, Poisson arrivals", 0, OPEN_LOOP_ACCOUNTS, 60),
        (
            {**RAMP_RATE, "arrivals": "gamma", "burstiness": 0.5},
            "0 to 50 requests/s, 60 s, gamma arrivals of burstiness 0.5",
            0,
            OPEN_LOOP_ACCOUNTS,
            60,
        ),
        (SERIES, "5 to 15 requests/s by a series of rates, 90 s", 0, OPEN_LOOP_ACCOUNTS, 90),
        (
            {**SERIES, "duration": "15s"},
            "5 to 12.5 requests/s by a series of rates, 15 s",
            0,
            OPEN_LOOP_ACCOUNTS,
            15,
        ),
        (TIMES, "4 requests at given times, 20 s", 0, OPEN_LOOP_ACCOUNTS, 20),
        ({**TIMES, "speed": 4}, "4 requests at given times, 5 s", 0, OPEN_LOOP_ACCOUNTS, 5),
        ({**TIMES, "duration": "10s"}, "3 requests at given times, 10 s", 0, OPEN_LOOP_ACCOUNTS, 10),
        (
            {**SERIES, "rates": "later.csv"},
            "0 to 0 requests/s by a series of rates, 0 s",
            0,
            OPEN_LOOP_ACCOUNTS,
            0,
        ),
        ({**TIMES, "times": "later.csv"}, "0 requests at given times, 0 s", 0, OPEN_LOOP_ACCOUNTS, 0),
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
    phases = _scenario(
        {**RATE, "time_unit": "1m"}, {**RAMP_RATE, "time_unit": "10s"}, {**SERIES, "time_unit": "10s"}
    ).phases
    peaks = [phase.peak_rps for phase in phases if isinstance(phase, OpenLoop)]
    assert peaks == [pytest.approx(1 / 3), 5.0, 1.5]


def test_the_peak_of_given_times_is_the_fullest_second() -> None:
    """The first three requests are due within a second, or all four if the times pass fast."""
    phases = _scenario(TIMES, {**TIMES, "speed": 100}).phases
    assert [phase.peak_rps for phase in phases if isinstance(phase, OpenLoop)] == [3.0, 4.0]


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        ({**RAMP, "stages": [{"duration": 1, "target": 0}]}, "start_vus and every target are 0"),
        ({**RAMP_RATE, "stages": [{"duration": 1, "target": 0}]}, "start_rate and every target are 0"),
        ({**CONSTANT, "warm_up": True}, "every phase is a warm-up"),
        ({**RATE, "arrivals": "burst"}, "'even', 'poisson' or 'gamma'"),
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
        ({**CONSTANT, "spawn_rate": 0}, "greater than 0"),
        ({**CONSTANT, "spawn_rate": 0.3}, "10 VUs at 0.3 per second start within 30 s, but end after 30 s"),
        (
            {**ITERATIONS, "spawn_rate": 0.001},
            "5 VUs at 0.001 per second start within 4000 s, but end after 3600 s",
        ),
        ({**SPIKE, "spawn_rate": 0.1}, "10 VUs at 0.1 per second start within 90 s, but end after 80 s"),
        ({**SPIKE, "spawn_rate": 0.5}, "40 VUs at 0.5 per second start within 78 s, but end after 60 s"),
        ({**RAMP, "spawn_rate": 1}, "Extra inputs are not permitted"),
        ({**RATE, "arrivals": "gamma"}, "is missing; gamma arrivals need it"),
        ({**RATE, "burstiness": 0.5}, "needs arrivals: gamma"),
        ({**RATE, "arrivals": "gamma", "burstiness": 0}, "greater than or equal to 0.01"),
        ({**SERIES, "rates": []}, "is empty"),
        ({**SERIES, "rates": [(0, 5)]}, "all times are equal"),
        ({**SERIES, "rates": [(0, 5), (5, 1), (4, 1)]}, "4 s is earlier than 5 s before it"),
        ({**SERIES, "rates": [(0, 0), (5, 0)]}, "every rate of the 5 s is 0"),
        ({**SERIES, "rates": [(0, 0), (5, 0), (5, 1), (6, 1)], "duration": 5}, "every rate of the 5 s is 0"),
        ({**SERIES, "rates": [(0, -1), (5, 1)]}, "greater than or equal to 0"),
        ({**SERIES, "duration": "91s"}, "is longer than the rates, which end after 90 s"),
        ({**TIMES, "times": []}, "is empty"),
        ({**TIMES, "times": [2, 1]}, "1 s is earlier than 2 s before it"),
        ({**TIMES, "times": [2, 2]}, "all times are equal"),
        ({**TIMES, "speed": 0}, "greater than 0"),
        ({**TIMES, "arrivals": "poisson"}, "Extra inputs are not permitted"),
    ],
)
def test_an_impossible_load_is_refused(phase: dict[str, Any], message: str) -> None:
    """A load that cannot be sent or measured is refused with the reason."""
    with pytest.raises(ValidationError, match=message):
        _scenario(phase)


def test_an_open_loop_may_compare_two_targets() -> None:
    """An overhead has a threshold only with a second target."""
    limit = {"overhead.ttft": "<5ms"}
    (threshold,) = _scenario(RATE, compare_with="ollama", thresholds=limit).thresholds["overhead.ttft_ms"]
    assert threshold.expression.limit == 5.0
    with pytest.raises(ValidationError, match="needs compare_with, a second target"):
        _scenario(RATE, thresholds=limit)


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


@pytest.mark.parametrize(
    "phase", [CONSTANT, RAMP, SPIKE, ITERATIONS, {"executor": "cases"}, RATE, RAMP_RATE, SERIES, TIMES]
)
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
