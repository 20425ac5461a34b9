import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.executors import EXECUTORS, find_executors, list_fields
from bench.core.config.run_spec import RunSpec
from bench.errors import ConfigError
from tests.factories import make_scenario, make_spec, make_target

PHASES: dict[str, dict[str, Any]] = {
    "constant-vus": {"vus": 10, "duration": "30s", "think_time": "5s..7s"},
    "ramping-vus": {"stages": [{"duration": "30s", "target": 50}]},
    "per-vu-iterations": {"vus": 5, "iterations": 3},
    "constant-arrival-rate": {"rate": 20, "duration": "1m", "time_unit": "1m"},
    "ramping-arrival-rate": {"stages": [{"duration": "1m", "target": 50}]},
    "spike": {"base_vus": 10, "spike_vus": 40, "before": 10, "spike_duration": 60, "after": 10},
    "cases": {},
}
WARM_UP = {"executor": "constant-vus", "vus": 1, "duration": "5s", "warm_up": True}
OPTIONS = ("vus", "duration", "rate")

vus = st.none() | st.integers(1, 100_000)
durations = st.none() | st.floats(0.001, 1e6)
rates = st.none() | st.floats(0.001, 1e6)


def _spec(*phases: dict[str, Any]) -> RunSpec:
    return make_spec(make_scenario(phases=list(phases)))


def _phase(executor: str) -> dict[str, Any]:
    return {"executor": executor, **PHASES[executor]}


def _refusal(spec: RunSpec, **load: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        spec.with_load(**{"vus": None, "duration_s": None, "rate": None, **load})
    return caught.value


@given(executor=st.sampled_from(sorted(EXECUTORS)), vus=vus, duration_s=durations, rate=rates)
def test_an_override_changes_its_field_and_no_other(
    executor: str, vus: int | None, duration_s: float | None, rate: float | None
) -> None:
    """For each executor: a field that it has gets the value, all else stays; another field is refused."""
    spec = _spec(WARM_UP, _phase(executor))
    overrides = {"vus": vus, "duration": duration_s, "rate": rate}
    wanted = {field: value for field, value in overrides.items() if value is not None}
    if not wanted.keys() <= set(list_fields(EXECUTORS[executor])):
        with pytest.raises(ConfigError, match=f"the executor {executor} has no "):
            spec.with_load(vus, duration_s, rate)
        return
    changed = spec.with_load(vus, duration_s, rate)
    warm_up, phase = spec.scenario.phases
    names = {"vus": "vus", "duration": "duration_s", "rate": "rate"}
    expected = phase.model_copy(update={names[field]: value for field, value in wanted.items()})
    assert changed.scenario.phases == (warm_up, expected)
    changes = {"scenario": changed.scenario, "overrides": changed.overrides}
    assert changed == spec.model_copy(update=changes)
    assert len(changed.overrides) == len(wanted)
    assert changed.with_load(vus, duration_s, rate) == changed
    assert RunSpec.model_validate(changed.model_dump(by_alias=False)) == changed


@given(executor=st.sampled_from(sorted(EXECUTORS)))
def test_no_override_changes_nothing(executor: str) -> None:
    """Without options the run spec stays as it is, even if several phases are measured."""
    spec = _spec(_phase(executor), _phase("cases"))
    assert spec.with_load(None, None, None) == spec


@pytest.mark.parametrize(
    ("executor", "load", "message", "hint"),
    [
        (
            "cases",
            {"vus": 3},
            "--vus 3: the executor cases has no vus",
            "executors with vus: constant-vus or per-vu-iterations",
        ),
        (
            "ramping-vus",
            {"duration_s": 90.0},
            "--duration 1m30s: the executor ramping-vus has no duration",
            "executors with duration: constant-vus or constant-arrival-rate",
        ),
        (
            "constant-vus",
            {"rate": 2.5},
            "--rate 2.5: the executor constant-vus has no rate",
            "executors with rate: constant-arrival-rate",
        ),
    ],
)
def test_an_error_names_the_executors_that_have_the_field(
    executor: str, load: dict[str, Any], message: str, hint: str
) -> None:
    """A field of another executor is refused, and the hint lists the executors that have it."""
    error = _refusal(_spec(_phase(executor)), **load)
    assert (error.message, error.hint) == (message, hint)


def test_an_override_needs_a_single_measured_phase() -> None:
    """With several measured phases an option does not name the phase that it changes."""
    error = _refusal(_spec(_phase("constant-vus"), _phase("constant-vus")), vus=3)
    assert error.message == (
        "--vus 3: scenario 'quick' has 2 measured phases, and the option changes only one"
    )
    assert error.hint == (
        "choose a scenario with one phase of constant-vus or per-vu-iterations, or change the file"
    )


@pytest.mark.parametrize(
    ("load", "option"),
    [
        ({"vus": 0}, "--vus 0"),
        ({"vus": 100_001}, "--vus 100001"),
        ({"duration_s": 0.0}, "--duration 0s"),
        ({"duration_s": -1.0}, "--duration -1s"),
        ({"duration_s": math.inf}, "--duration infs"),
        ({"duration_s": math.nan}, "--duration nans"),
    ],
)
def test_an_override_has_the_limits_of_its_field(load: dict[str, Any], option: str) -> None:
    """A value that a file may not have is refused on the command line too, with the option."""
    assert _refusal(_spec(_phase("constant-vus")), **load).message.startswith(f"{option}: input should be ")


def test_fields_have_the_names_of_files() -> None:
    """Executors are found by the names in files: `max_duration` is not `duration`."""
    assert find_executors("max_duration") == ("per-vu-iterations", "cases")
    assert find_executors("duration_s") == ()
    assert {executor for option in OPTIONS for executor in find_executors(option)} == {
        "constant-vus",
        "per-vu-iterations",
        "constant-arrival-rate",
    }


def test_a_service_override_changes_only_the_service_of_a_target() -> None:
    """The scenario and all other fields of the target stay."""
    spec = make_spec()
    changed = spec.with_services(lambda _: "gateway")
    assert changed.target == make_target(service="gateway")
    assert changed.scenario == spec.scenario
    assert changed.with_services(lambda _: spec.target.service) == spec
