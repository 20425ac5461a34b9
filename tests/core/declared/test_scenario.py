from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.declared.scenario import Brief, Prompts, Scenario
from bench.core.declared.stages import FixedUsers
from bench.core.declared.target import Target
from tests.factories import PROMPTS, make_brief, make_scenario, make_target


def stage(**changes: Any) -> dict[str, Any]:
    """Ten users for thirty seconds; fields by name."""
    content: dict[str, Any] = {"kind": "fixed-users", "users": 10, "duration_s": 30, "pause_s": [5, 7]}
    return content | changes


def refused(**changes: Any) -> tuple[str, str]:
    """Where the scenario is wrong first, and what is said of it."""
    with pytest.raises(ValidationError) as caught:
        make_scenario(**changes)
    error = caught.value.errors()[0]
    return ".".join(str(part) for part in error["loc"]), error["msg"]


def test_a_scenario_is_read_as_it_is_written() -> None:
    """What the file says is what the scenario says, and the rest has its defaults."""
    scenario = make_scenario()
    (first,) = scenario.stages
    assert isinstance(first, FixedUsers)
    assert first.pause_s == (5.0, 7.0)
    assert scenario.thresholds["e2e_ms"][0].threshold == "p(95)<5000"
    assert (scenario.request_timeout_s, scenario.grace_s, scenario.tolerances) == (120.0, 30.0, {})


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"thresold": {}}, "thresold"),
        ({"stages": [stage(user=3)]}, "stages.0.fixed-users.user"),
        ({"workload": {"prompts": "a.yaml", "prompt": "b.yaml"}}, "workload.prompt"),
        ({"tolerances": {"e2e_ms": {"margin_ratio": 0.2, "margin": 1}}}, "tolerances.e2e_ms.margin"),
    ],
)
def test_a_misspelt_field_is_refused(changes: dict[str, Any], where: str) -> None:
    """A field that does not exist is an error with its place, not a setting without effect."""
    assert refused(**changes) == (where, "Extra inputs are not permitted")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"stages": [stage(duration_s=-1)]}, "stages.0.fixed-users.duration_s"),
        ({"stages": [stage(duration_s=0)]}, "stages.0.fixed-users.duration_s"),
        ({"stages": [stage(duration_s=float("inf"))]}, "stages.0.fixed-users.duration_s"),
        ({"stages": [stage(users=0)]}, "stages.0.fixed-users.users"),
        ({"stages": [stage(users=100_001)]}, "stages.0.fixed-users.users"),
        ({"stages": [stage(pause_s=[-1, 7])]}, "stages.0.fixed-users.pause_s.0"),
        ({"stages": [stage(kind="open")]}, "stages.0"),
        ({"stages": []}, "stages"),
        ({"name": "Quick Run"}, "name"),
        ({"name": "-quick"}, "name"),
        ({"name": "q" * 65}, "name"),
        ({"purpose": ""}, "purpose"),
        ({"target": "../chat"}, "target"),
        ({"seed": "one"}, "seed"),
        ({"request_timeout_s": 0}, "request_timeout_s"),
        ({"grace_s": -0.1}, "grace_s"),
        ({"tolerances": {"e2e_ms": {"margin_ratio": 0}}}, "tolerances.e2e_ms.margin_ratio"),
        ({"tolerances": {"e2e_ms": {"margin_ratio": 10}}}, "tolerances.e2e_ms.margin_ratio"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_place(changes: dict[str, Any], where: str) -> None:
    """Each value has its limits, and the error names the field."""
    assert refused(**changes)[0] == where


def test_a_pause_is_from_the_shortest_to_the_longest() -> None:
    """A pause whose ends are swapped is refused with both of them."""
    where, said = refused(stages=[stage(pause_s=[7, 5])])
    assert where == "stages.0.fixed-users.pause_s"
    assert said == "Value error, must be [shortest, longest], but 7 is above 5"


def test_a_pause_may_be_of_one_length() -> None:
    """Shortest and longest may be equal, and zero."""
    (only,) = make_scenario(stages=[stage(pause_s=[0, 0])]).stages
    assert isinstance(only, FixedUsers)
    assert only.pause_s == (0, 0)


def test_a_tolerance_is_for_a_metric_that_there_is() -> None:
    """A tolerance for a misspelt metric would tolerate nothing, so it is refused."""
    where, said = refused(tolerances={"e2e": {"margin_ratio": 0.2}})
    assert where == "tolerances"
    assert "there is no metric 'e2e'" in said


def test_a_tolerance_may_be_for_a_tier() -> None:
    """Tiers have metrics of their own, which are known only when a run names them."""
    scenario = make_scenario(tolerances={"hop.agent_ms": {"margin_ratio": 0.5}})
    assert scenario.tolerances["hop.agent_ms"].margin_ratio == 0.5


def test_a_scenario_has_the_users_of_its_largest_stage_and_the_time_of_all() -> None:
    """Stages follow each other: their times add up, their users do not."""
    scenario = make_scenario(stages=[stage(users=3), stage(users=20, duration_s=5.5), stage(users=7)])
    assert scenario.users == 20
    assert scenario.duration_s == 65.5


def test_a_scenario_cannot_be_changed() -> None:
    """What is measured is what was declared: a scenario is frozen."""
    scenario = make_scenario()
    with pytest.raises(ValidationError, match="frozen"):
        scenario.seed = 2  # type: ignore[misc]


def test_a_scenario_survives_json() -> None:
    """A scenario that is written and read again is the same."""
    scenario = make_scenario(tolerances={"e2e_ms": {"margin_ratio": 0.2}})
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


def test_two_messages_of_one_name_are_refused() -> None:
    """A message's name is what runs are paired by, so it is there once."""
    messages = [{"id": name, "text": "…"} for name in ("one", "two", "one")]
    with pytest.raises(ValidationError, match="two messages are called 'one'"):
        Prompts.model_validate({"messages": messages})


def test_messages_of_different_names_are_taken_in_their_order() -> None:
    """Different names are all that is asked; two messages may say the same."""
    prompts = Prompts.model_validate({"messages": [{"id": name, "text": "…"} for name in PROMPTS]})
    assert tuple(prompt.id for prompt in prompts.messages) == PROMPTS


def test_there_is_at_least_one_message() -> None:
    """Users without anything to say are refused."""
    with pytest.raises(ValidationError, match="at least 1 item"):
        Prompts.model_validate({"messages": []})


@pytest.mark.parametrize(
    "changes", [{"path": "ask"}, {"ready": "ready"}, {"auth": "basic"}, {"method": "DELETE"}, {"url": "/"}]
)
def test_a_target_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """Paths start with a slash; methods and kinds of access are those there are."""
    with pytest.raises(ValidationError):
        make_target(**changes)


def test_a_target_has_few_fields_that_must_be_written() -> None:
    """POST without access and headers is the default."""
    target = Target.model_validate(make_target().model_dump(exclude={"auth", "method", "headers"}))
    assert (target.method, target.auth, target.headers) == ("POST", "none", {})


def test_a_brief_survives_json() -> None:
    """A scenario with all files that it names can be written and read again."""
    brief = make_brief()
    assert Brief.model_validate_json(brief.model_dump_json()) == brief
