from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.executors import ConstantVus
from bench.core.config.prompts import Prompts
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import Target
from tests.factories import PROMPTS, make_scenario, make_spec, make_target


def phase(**changes: Any) -> dict[str, Any]:
    """Ten users for thirty seconds; fields by name."""
    content: dict[str, Any] = {
        "executor": "constant-vus",
        "vus": 10,
        "duration_s": 30,
        "think_time_s": (5, 7),
    }
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
    (first,) = scenario.phases
    assert isinstance(first, ConstantVus)
    assert first.think_time_s == (5.0, 7.0)
    assert scenario.thresholds["e2e_ms"][0].expression.source == "p(95)<5000"
    assert (scenario.request_timeout_s, scenario.graceful_stop_s, scenario.tolerances) == (120.0, 30.0, {})


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"thresold": {}}, "thresold"),
        ({"phases": [phase(vu=3)]}, "phases.0.constant-vus.vu"),
        ({"prompt": "b.yaml"}, "prompt"),
        ({"tolerances": {"e2e_ms": {"margin_ratio": 0.2, "margin": 1}}}, "tolerances.e2e_ms.margin"),
    ],
)
def test_a_misspelt_field_is_refused(changes: dict[str, Any], where: str) -> None:
    """A field that does not exist is an error with its place, not a setting without effect."""
    assert refused(**changes) == (where, "Extra inputs are not permitted")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"phases": [phase(duration_s=-1)]}, "phases.0.constant-vus.duration_s"),
        ({"phases": [phase(duration_s=0)]}, "phases.0.constant-vus.duration_s"),
        ({"phases": [phase(duration_s=float("inf"))]}, "phases.0.constant-vus.duration_s"),
        ({"phases": [phase(vus=0)]}, "phases.0.constant-vus.vus"),
        ({"phases": [phase(vus=100_001)]}, "phases.0.constant-vus.vus"),
        ({"phases": [phase(think_time_s=(-1, 7))]}, "phases.0.constant-vus.think_time_s.0"),
        ({"phases": [phase(executor="open")]}, "phases.0"),
        ({"phases": []}, "phases"),
        ({"name": "Quick Run"}, "name"),
        ({"name": "-quick"}, "name"),
        ({"name": "q" * 65}, "name"),
        ({"purpose": ""}, "purpose"),
        ({"target": "../chat"}, "target"),
        ({"seed": "one"}, "seed"),
        ({"request_timeout_s": 0}, "request_timeout_s"),
        ({"graceful_stop_s": -0.1}, "graceful_stop_s"),
        ({"tolerances": {"e2e_ms": {"margin_ratio": 0}}}, "tolerances.e2e_ms.margin_ratio"),
        ({"tolerances": {"e2e_ms": {"margin_ratio": 10}}}, "tolerances.e2e_ms.margin_ratio"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_place(changes: dict[str, Any], where: str) -> None:
    """Each value has its limits, and the error names the field."""
    assert refused(**changes)[0] == where


def test_a_pause_is_from_the_shortest_to_the_longest() -> None:
    """A pause whose ends are swapped is refused with both of them."""
    where, said = refused(phases=[phase(think_time_s=(7, 5))])
    assert where == "phases.0.constant-vus.think_time_s"
    assert said == "Value error, the shortest comes first, but 7 s is longer than 5 s"


def test_a_pause_may_be_of_one_length() -> None:
    """Shortest and longest may be equal, and zero."""
    (only,) = make_scenario(phases=[phase(think_time_s=(0, 0))]).phases
    assert isinstance(only, ConstantVus)
    assert only.think_time_s == (0, 0)


def test_a_tolerance_is_for_a_metric_that_there_is() -> None:
    """A tolerance for a misspelt metric would tolerate nothing, so it is refused."""
    where, said = refused(tolerances={"e2e": {"margin_ratio": 0.2}})
    assert where == "tolerances"
    assert "there is no metric 'e2e'" in said


def test_a_tolerance_may_be_for_a_tier() -> None:
    """Tiers have metrics of their own, which are known only when a run names them."""
    scenario = make_scenario(tolerances={"tier.agent_ms": {"margin_ratio": 0.5}})
    assert scenario.tolerances["tier.agent_ms"].margin_ratio == 0.5


def test_a_scenario_has_the_users_of_its_largest_stage_and_the_time_of_all() -> None:
    """Stages follow each other: their times add up, their users do not."""
    scenario = make_scenario(phases=[phase(vus=3), phase(vus=20, duration_s=5.5), phase(vus=7)])
    assert scenario.vus == 20
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
    with pytest.raises(ValidationError, match="two messages have the id 'one'"):
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
    spec = make_spec()
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec
