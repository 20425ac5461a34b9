from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.executors import ConstantVus
from bench.core.config.prompts import Prompts
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import Target
from bench.core.values.record import FieldError
from tests.factories import PROMPTS, make_scenario, make_spec, make_target


def phase(**changes: Any) -> dict[str, Any]:
    """Ten VUs for thirty seconds; fields by name."""
    content: dict[str, Any] = {
        "executor": "constant-vus",
        "vus": 10,
        "duration_s": 30,
        "think_time_s": (5, 7),
    }
    return content | changes


def refuse(**changes: Any) -> tuple[str, str]:
    """Return the location and the message of the first error of a scenario."""
    with pytest.raises(ValidationError) as caught:
        make_scenario(**changes)
    error = caught.value.errors()[0]
    inner = error.get("ctx", {}).get("error")
    path = inner.path if isinstance(inner, FieldError) else ()
    return ".".join(str(part) for part in (*error["loc"], *path)), error["msg"]


def test_a_scenario_has_the_values_of_its_file_and_defaults() -> None:
    """Fields of the file are kept, and the others have their defaults."""
    scenario = make_scenario()
    (first,) = scenario.phases
    assert isinstance(first, ConstantVus)
    assert first.think_time_s == (5.0, 7.0)
    assert scenario.thresholds["e2e_ms"][0].expression.source == "p(95)<5000"
    assert (scenario.request_timeout_s, scenario.graceful_stop_s, scenario.tolerances) == (120.0, None, {})


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"thresold": {}}, "thresold"),
        ({"phases": [phase(vu=3)]}, "phases.0.constant-vus.vu"),
        ({"prompt": "b.yaml"}, "prompt"),
        ({"tolerances": {"e2e_ms": {"ratio": 0.2, "margin": 1}}}, "tolerances.e2e_ms.margin"),
    ],
)
def test_a_misspelt_field_is_refused(changes: dict[str, Any], where: str) -> None:
    """A field that does not exist is an error with its place, not a setting without effect."""
    assert refuse(**changes) == (where, "Extra inputs are not permitted")


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
        ({"tolerances": {"e2e_ms": {"ratio": 0}}}, "tolerances.e2e_ms.ratio"),
        ({"tolerances": {"e2e_ms": {"ratio": 10}}}, "tolerances.e2e_ms.ratio"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_field(changes: dict[str, Any], where: str) -> None:
    """Each value has its limits, and the error names the field."""
    assert refuse(**changes)[0] == where


def test_a_think_time_goes_from_the_shortest_to_the_longest() -> None:
    """A think time whose ends are swapped is refused with both of them."""
    where, message = refuse(phases=[phase(think_time_s=(7, 5))])
    assert where == "phases.0.constant-vus.think_time_s"
    assert message == "Value error, the shorter duration comes first, but 7 s is longer than 5 s"


def test_a_think_time_may_have_one_length() -> None:
    """Shortest and longest may be equal, and zero."""
    (only,) = make_scenario(phases=[phase(think_time_s=(0, 0))]).phases
    assert isinstance(only, ConstantVus)
    assert only.think_time_s == (0, 0)


def test_a_tolerance_needs_an_existing_metric() -> None:
    """A tolerance for a misspelt metric would have no effect, so it is refused."""
    where, message = refuse(tolerances={"e2ee": {"ratio": 0.2}})
    assert where == "tolerances.e2ee"
    assert "there is no metric 'e2ee'; did you mean 'e2e'?" in message


def test_a_tolerance_may_be_for_a_tier_or_a_percentile() -> None:
    """Tiers have metrics whose names only a run knows, and the 95th percentiles have margins of their own."""
    keys = ("tier.agent_ms", "p95.e2e_ms")
    scenario = make_scenario(tolerances={key: {"ratio": 0.5} for key in keys})
    assert scenario.tolerances.keys() == set(keys)


def test_a_scenario_has_the_vus_of_its_largest_phase_and_the_duration_of_all() -> None:
    """Phases run one after the other: their durations add up, their VUs do not."""
    scenario = make_scenario(phases=[phase(vus=3), phase(vus=20, duration_s=5.5), phase(vus=7)])
    assert scenario.vus == 20
    assert scenario.duration_s == 65.5


def test_one_executor_may_stand_at_the_top_level() -> None:
    """The fields of a single phase may be fields of the scenario; both forms are the same scenario."""
    content = make_scenario().model_dump(exclude={"phases"})
    fields = {"executor": "constant-vus", "vus": 10, "duration": "30s", "think_time": "5s..7s"}
    assert Scenario.model_validate({**content, **fields}) == make_scenario()
    with pytest.raises(ValidationError, match="phases"):
        Scenario.model_validate(content)
    with pytest.raises(ValidationError, match="valid dictionary"):
        Scenario.model_validate(3)


def test_the_schema_allows_an_executor_at_the_top_level() -> None:
    """Editors offer the fields of all executors at the top level, and need `phases` or `executor`."""
    schema = Scenario.model_json_schema()
    assert {"vus", "duration", "rate", "stages", "think_time", "max_vus"} <= schema["properties"].keys()
    assert "constant-vus" in schema["properties"]["executor"]["enum"]
    assert {"phases", "executor"}.isdisjoint(schema["required"])
    assert "$ref" not in str(schema["properties"]["stages"])


def test_a_scenario_cannot_be_changed() -> None:
    """A scenario is frozen."""
    scenario = make_scenario()
    with pytest.raises(ValidationError, match="frozen"):
        scenario.seed = 2  # type: ignore[misc]


def test_a_scenario_survives_json() -> None:
    """A scenario that is written and read again is the same."""
    scenario = make_scenario(tolerances={"e2e_ms": {"ratio": 0.2}})
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


def test_two_messages_with_one_id_are_refused() -> None:
    """Runs are paired by the ids of messages, so an id is unique."""
    messages = [{"id": name, "text": "…"} for name in ("one", "two", "one")]
    with pytest.raises(ValidationError, match="two messages have the id 'one'"):
        Prompts.model_validate({"messages": messages})


def test_messages_keep_their_order() -> None:
    """Ids must differ; the texts of two messages may be equal."""
    prompts = Prompts.model_validate({"messages": [{"id": name, "text": "…"} for name in PROMPTS]})
    assert tuple(prompt.id for prompt in prompts.messages) == PROMPTS


def test_a_prompts_file_has_at_least_one_message() -> None:
    """A file without messages is refused."""
    with pytest.raises(ValidationError, match="at least 1 item"):
        Prompts.model_validate({"messages": []})


@pytest.mark.parametrize(
    "changes", [{"path": "ask"}, {"ready": "ready"}, {"auth": "basic"}, {"method": "DELETE"}, {"url": "/"}]
)
def test_a_wrong_target_is_refused(changes: dict[str, Any]) -> None:
    """Paths start with a slash; methods and kinds of access are one of a few."""
    with pytest.raises(ValidationError):
        make_target(**changes)


def test_a_target_has_defaults() -> None:
    """The default is POST without access control and headers."""
    target = Target.model_validate(make_target().model_dump(exclude={"auth", "method", "headers"}))
    assert (target.method, target.auth, target.headers) == ("POST", "none", {})


def test_a_run_spec_survives_json() -> None:
    """A scenario with all files that it names can be written and read again."""
    spec = make_spec()
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_run_spec_has_one_or_two_targets() -> None:
    """The scenario's target comes first, then the one that it is compared with."""
    spec = make_spec()
    assert spec.targets == (spec.target,)
    both = spec.model_copy(update={"compare_with": make_target(name="ollama")})
    assert [target.name for target in both.targets] == ["chat", "ollama"]


def test_a_conversation_needs_a_closed_loop() -> None:
    """The later messages of a conversation wait for answers, which an open loop does not do."""
    rate = {"executor": "constant-arrival-rate", "rate": 1, "duration_s": 1}
    spec = make_spec(make_scenario(phases=[rate]))
    talk = {**spec.prompts[0].model_dump(), "then": ("And then?",)}
    with pytest.raises(ValidationError, match="'greeting' is a conversation, which needs an executor"):
        RunSpec.model_validate({**dict(spec), "prompts": (talk,)})
    assert (
        RunSpec.model_validate({**dict(make_spec()), "prompts": (talk,)}).prompts[0].messages[1]
        == "And then?"
    )
