import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.executors import EXECUTORS, find_executors, list_fields
from bench.core.config.load_override import LoadOverrides, SeriesFile
from bench.core.config.run_spec import RunSpec
from bench.errors import ConfigError
from tests.factories import make_scenario, make_spec, make_target

PHASES: dict[str, dict[str, Any]] = {
    "constant-vus": {"vus": 10, "duration": "30s", "think_time": "5s..7s"},
    "ramping-vus": {"stages": [{"duration": "30s", "target": 50}]},
    "per-vu-iterations": {"vus": 5, "iterations": 3},
    "constant-arrival-rate": {"rate": 20, "duration": "1m", "time_unit": "1m"},
    "ramping-arrival-rate": {"stages": [{"duration": "1m", "target": 50}]},
    "arrival-rate-series": {"rates": ((0.0, 5.0), (60.0, 10.0))},
    "arrival-times": {"times": (0.0, 1.5, 60.0)},
    "spike": {"base_vus": 10, "spike_vus": 40, "before": 10, "spike_duration": 60, "after": 10},
    "cases": {},
}
WITH_DURATION = "constant-vus, constant-arrival-rate, arrival-rate-series or arrival-times"
WARM_UP = {"executor": "constant-vus", "vus": 1, "duration": "5s", "warm_up": True}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "vus": st.integers(1, 100_000),
    "duration": st.floats(0.001, 60.0),
    "rate": st.floats(0.001, 1e6),
    "spawn_rate": st.floats(1e5, 1e6),
    "arrivals": st.sampled_from(["even", "poisson"]),
    "burstiness": st.floats(0.01, 1e3),
    "rates": st.just(SeriesFile("rates.csv", ((0.0, 1.0), (70.0, 2.0)))),
    "times": st.just(SeriesFile("times.csv", (1.0, 2.0))),
    "speed": st.floats(0.1, 10.0),
}


@st.composite
def overrides(draw: st.DrawFn) -> LoadOverrides:
    """Return any combination of options."""
    fields = draw(st.sets(st.sampled_from(sorted(VALUES)), max_size=3))
    if {"arrivals", "burstiness"} <= fields:
        fields.remove("arrivals")
    return LoadOverrides(**{field: draw(VALUES[field]) for field in fields})


def _spec(*phases: dict[str, Any]) -> RunSpec:
    return make_spec(make_scenario(phases=list(phases)))


def _phase(executor: str) -> dict[str, Any]:
    return {"executor": executor, **PHASES[executor]}


def _refusal(spec: RunSpec, **load: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        spec.with_load(LoadOverrides(**load))
    return caught.value


def _values(phase: Any) -> dict[str, Any]:
    return dict(zip(list_fields(type(phase)), (value for _, value in phase), strict=True))


@given(executor=st.sampled_from(sorted(EXECUTORS)), load=overrides())
def test_an_override_changes_its_field_and_no_other(executor: str, load: LoadOverrides) -> None:
    """For each executor: a field that it has gets the value, all else stays; another field is refused."""
    spec = _spec(WARM_UP, _phase(executor))
    if not load.options.keys() <= set(list_fields(EXECUTORS[executor])):
        with pytest.raises(ConfigError, match=f"the executor {executor} has no "):
            spec.with_load(load)
        return
    changed = spec.with_load(load)
    warm_up, phase = spec.scenario.phases
    assert changed.scenario.phases[0] == warm_up
    assert _values(changed.scenario.phases[1]) == {**_values(phase), **load.values}
    changes = {"scenario": changed.scenario, "overrides": changed.overrides}
    assert changed == spec.model_copy(update=changes)
    assert changed.overrides == tuple(load.options.values())
    assert changed.with_load(load) == changed
    assert RunSpec.model_validate(changed.model_dump(by_alias=False)) == changed


@given(executor=st.sampled_from(sorted(EXECUTORS)))
def test_no_override_changes_nothing(executor: str) -> None:
    """Without options the run spec stays as it is, even if several phases are measured."""
    spec = _spec(_phase(executor), _phase("cases"))
    assert spec.with_load(LoadOverrides()) == spec


def test_burstiness_makes_gamma_arrivals_and_other_arrivals_have_none() -> None:
    """Each of the two options is enough, whatever arrivals the scenario has."""
    spec = _spec(_phase("constant-arrival-rate"))
    bursty = spec.with_load(LoadOverrides(burstiness=0.5))
    assert _values(bursty.scenario.phases[0])["arrivals"] == "gamma"
    poisson = bursty.with_load(LoadOverrides(arrivals="poisson"))
    assert _values(poisson.scenario.phases[0])["burstiness"] is None
    refusal = _refusal(spec, arrivals="gamma")
    assert (
        refusal.message == "--arrivals gamma: burstiness is missing; gamma arrivals need it, for example 0.5"
    )


def test_overrides_are_checked_together() -> None:
    """More VUs need more time to start, and a longer duration gives it to them."""
    slow = {"executor": "constant-vus", "vus": 10, "duration": "30s", "spawn_rate": 1}
    message = "100 VUs at 1 per second start within 99 s, but end after 30 s"
    assert _refusal(_spec(slow), vus=100).message.startswith(f"--vus 100: spawn_rate {message}")
    assert _spec(slow).with_load(LoadOverrides(vus=100, duration=100.0)).scenario.vus == 100


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
            {"duration": 90.0},
            "--duration 1m30s: the executor ramping-vus has no duration",
            f"executors with duration: {WITH_DURATION}",
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
        ({"duration": 0.0}, "--duration 0s"),
        ({"duration": -1.0}, "--duration -1s"),
        ({"duration": math.inf}, "--duration infs"),
        ({"duration": math.nan}, "--duration nans"),
    ],
)
def test_an_override_has_the_limits_of_its_field(load: dict[str, Any], option: str) -> None:
    """A value that a file may not have is refused on the command line too, with the option."""
    assert _refusal(_spec(_phase("constant-vus")), **load).message.startswith(f"{option}: input should be ")


def test_fields_have_the_names_of_files() -> None:
    """Executors are found by the names in files: `max_duration` is not `duration`."""
    assert find_executors("max_duration") == ("per-vu-iterations", "cases")
    assert find_executors("duration_s") == ()
    assert find_executors("spawn_rate") == ("constant-vus", "per-vu-iterations", "spike")


def test_a_service_override_changes_only_the_service_of_a_target() -> None:
    """The scenario and all other fields of the target stay."""
    spec = make_spec()
    changed = spec.with_services(lambda _: "gateway")
    assert changed.target == make_target(service="gateway")
    assert changed.scenario == spec.scenario
    assert changed.with_services(lambda _: spec.target.service) == spec
