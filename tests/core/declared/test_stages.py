from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.declared.scenario import OPEN_LOOP_ACCOUNTS, Expectation, Scenario, Suites
from bench.core.declared.stages import in_words, planned_s, stages_around
from tests.factories import make_scenario, make_target

PAUSE = {"pause_s": [5, 7]}
FIXED: dict[str, Any] = {"kind": "fixed-users", "users": 10, "duration_s": 30, **PAUSE}
RAMP: dict[str, Any] = {
    "kind": "ramp-users",
    "from_users": 0,
    "to_users": 50,
    "ramp_s": 30,
    "hold_s": 120,
    **PAUSE,
}
SPIKE: dict[str, Any] = {
    "kind": "spike",
    "base_users": 10,
    "extra_users": 40,
    "before_s": 10,
    "spike_s": 60,
    "after_s": 10,
    **PAUSE,
}
TURNS: dict[str, Any] = {"kind": "user-turns", "users": 5, "turns": 3}
CALM, LEFT = TURNS, {**TURNS, "cancel_ratio": 1.0}
RATE: dict[str, Any] = {"kind": "constant-rate", "rate_rps": 20, "duration_s": 60}
RAMP_RATE: dict[str, Any] = {"kind": "ramp-rate", "from_rps": 0, "to_rps": 50, "duration_s": 60}


def _scenario(*stages: dict[str, Any], **changes: Any) -> Scenario:
    return make_scenario(stages=list(stages), **changes)


@pytest.mark.parametrize(
    ("stage", "words", "users", "accounts", "duration_s"),
    [
        (FIXED, "10 users, 30 s", 10, 10, 30),
        (RAMP, "0 to 50 users, 150 s", 50, 50, 150),
        (SPIKE, "10 and 40 more users, 80 s", 50, 50, 80),
        (TURNS, "5 users × 3 requests", 5, 5, 3600),  # noqa: RUF001 - times
        ({"kind": "cases"}, "every message once", 1, 1, 3600),
        (RATE, "20 requests/s, 60 s", 0, OPEN_LOOP_ACCOUNTS, 60),
        (RAMP_RATE, "0 to 50 requests/s, 60 s", 0, OPEN_LOOP_ACCOUNTS, 60),
    ],
)
def test_each_load_says_what_it_is(
    stage: dict[str, Any], words: str, users: int, accounts: int, duration_s: float
) -> None:
    """A load has its words, its users, the accounts that these need, and its longest time."""
    scenario = _scenario(stage)
    assert in_words(scenario.stages) == words
    assert (scenario.users, scenario.accounts, scenario.duration_s) == (users, accounts, duration_s)


def test_warm_up_is_not_spoken_of() -> None:
    """What is said of a load is what is measured; all parts take their time."""
    scenario = _scenario({**FIXED, "warm_up": True}, RATE, FIXED)
    assert in_words(scenario.stages) == "20 requests/s, 60 s; then 10 users, 30 s"
    assert planned_s(scenario.stages) == 120
    assert (scenario.users, scenario.accounts) == (10, OPEN_LOOP_ACCOUNTS)


def test_a_number_of_requests_has_no_planned_time() -> None:
    """Where requests end a load, nobody knows when."""
    assert planned_s(_scenario(FIXED, TURNS).stages) is None
    assert planned_s(_scenario({"kind": "cases"}, RATE).stages) is None


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({**RAMP, "to_users": 0}, "from_users and to_users are both 0"),
        ({**RAMP_RATE, "to_rps": 0}, "from_rps and to_rps are both 0"),
        ({**FIXED, "warm_up": True}, "every stage is a warm-up"),
        ({**RATE, "arrivals": "burst"}, "'even' or 'poisson'"),
        ({**RATE, "max_in_flight": 0}, "greater than 0"),
        ({**TURNS, "turns": 0}, "greater than 0"),
        ({**TURNS, "users": 0}, "greater than 0"),
        ({**RAMP, "ramp_s": 0}, "greater than 0"),
        ({**RAMP, "hold_s": -1}, "greater than or equal to 0"),
        ({**RAMP, "to_users": 100_001}, "less than or equal to 100000"),
        ({**SPIKE, "base_users": 0}, "greater than 0"),
        ({**SPIKE, "extra_users": 0}, "greater than 0"),
        ({**SPIKE, "spike_s": 0}, "greater than 0"),
        ({**RATE, "rate_rps": 0}, "greater than 0"),
        ({**RATE, "rate_rps": 1_000_001}, "less than or equal to 1000000"),
        ({**RATE, **PAUSE}, "Extra inputs are not permitted"),
        ({**RAMP_RATE, "from_rps": -1}, "greater than or equal to 0"),
        ({"users": 10, "duration_s": 30, **PAUSE}, "Unable to extract tag"),
        ({"kind": "trickle"}, "does not match any of the expected tags"),
    ],
)
def test_a_load_that_makes_no_sense_is_refused(stage: dict[str, Any], message: str) -> None:
    """What could not be sent, or not be measured, is refused with the reason."""
    with pytest.raises(ValidationError, match=message):
        _scenario(stage)


def test_a_target_beside_needs_a_closed_loop() -> None:
    """What is asked after another answer has no time of its own."""
    with pytest.raises(ValidationError, match="a target beside needs closed loops"):
        _scenario(RATE, beside="ollama")


def test_an_objective_is_of_a_single_answer() -> None:
    """Only what one answer has can be asked of it."""
    assert _scenario(FIXED, objectives={"ttft_ms": 2000}).objectives == {"ttft_ms": 2000}
    with pytest.raises(ValidationError, match="'success_ratio' cannot be an objective; there are e2e_ms"):
        _scenario(FIXED, objectives={"success_ratio": 1})


def test_an_expectation_is_of_an_answer() -> None:
    """A refusal has no text to look into."""
    with pytest.raises(ValidationError, match="contains is looked for in an answer"):
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


@pytest.mark.parametrize("stage", [FIXED, RAMP, SPIKE, TURNS, {"kind": "cases"}])
def test_every_closed_loop_has_its_pause_in_order(stage: dict[str, Any]) -> None:
    """Whatever the loop, a pause is from the shortest to the longest."""
    with pytest.raises(ValidationError, match=r"must be \[shortest, longest\], but 7 is above 5"):
        _scenario({**stage, "pause_s": [7, 5]})


@pytest.mark.parametrize("stage", [FIXED, RAMP, SPIKE, TURNS, {"kind": "cases"}, RATE, RAMP_RATE])
def test_every_load_may_warm_up_before_what_is_measured(stage: dict[str, Any]) -> None:
    """Nothing is a warm-up unless it says so; one that does takes its time and is not the load."""
    scenario = _scenario({**stage, "warm_up": True}, FIXED)
    assert [each.warm_up for each in scenario.stages] == [True, False]
    assert in_words(scenario.stages) == "10 users, 30 s"
    assert scenario.duration_s == _scenario(stage).duration_s + 30
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


@pytest.mark.parametrize(
    ("stages", "around"),
    [
        ([CALM, LEFT, CALM], (0, 1, 2)),
        ([CALM, CALM, LEFT, LEFT, CALM], (1, 2, 4)),
        ([CALM], None),
        ([LEFT, CALM], None),
        ([CALM, LEFT], None),
    ],
)
def test_the_stages_around_are_those_without_cancellations(
    stages: list[dict[str, Any]], around: tuple[int, int, int] | None
) -> None:
    """Compared are the stage before the first cancellations and the first one without after them."""
    assert stages_around(make_scenario(stages=stages).stages) == around


@pytest.mark.parametrize(("users", "accounts"), [(3, OPEN_LOOP_ACCOUNTS), (200, 200)])
def test_users_and_requests_share_the_accounts(users: int, accounts: int) -> None:
    """Stages follow each other, so the accounts are those of the largest need."""
    assert _scenario({**FIXED, "users": users}, RATE).accounts == accounts


def test_a_suite_names_scenarios() -> None:
    """A suite is a list of names; an empty one, and what is no name, is refused."""
    assert Suites.model_validate({"pr": ["quick", "spike"]}).root == {"pr": ("quick", "spike")}
    nobody: dict[str, list[str]] = {"pr": []}
    for wrong in (nobody, {"pr": ["../quick"]}, {"Pull Request": ["quick"]}):
        with pytest.raises(ValidationError):
            Suites.model_validate(wrong)
