import pytest

from bench.core.config.executors import EXECUTORS, list_fields
from bench.core.config.field_advice import explain_unknown_field, suggest_executors

OPEN_LOOPS = "constant-arrival-rate, ramping-arrival-rate, arrival-rate-series or arrival-times"
K6 = {
    "startVUs": ("ramping-vus", "start_vus"),
    "maxVUs": ("constant-arrival-rate", "max_vus"),
    "preAllocatedVUs": ("constant-arrival-rate", "max_vus"),
    "timeUnit": ("ramping-arrival-rate", "time_unit"),
    "startRate": ("ramping-arrival-rate", "start_rate"),
    "maxDuration": ("per-vu-iterations", "max_duration"),
}


@pytest.mark.parametrize(("field", "executor", "name"), [(field, *right) for field, right in K6.items()])
def test_names_of_k6_are_translated(field: str, executor: str, name: str) -> None:
    """A field in k6's camel case is answered with the name that files here use, at both levels."""
    for at_top in (True, False):
        advice = explain_unknown_field(field, executor, at_top=at_top, has_phases=not at_top)
        assert advice == f"is not a field; did you mean '{name}'?"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("gracefulStop", "graceful_stop"),
        ("gracefulRampDown", "graceful_stop"),
        ("timeout", "request_timeout"),
    ],
)
def test_scenario_fields_of_k6_are_translated(field: str, name: str) -> None:
    """k6 has the graceful stop at an executor; here it belongs to the scenario."""
    advice = explain_unknown_field(field, "constant-vus", at_top=True, has_phases=False)
    assert advice == f"is not a field; did you mean '{name}'?"
    advice = explain_unknown_field(field, "constant-vus", at_top=False, has_phases=True)
    assert advice == f"is written {name} here and is a field of the scenario; move it to the top level"


@pytest.mark.parametrize(
    ("field", "executor", "advice"),
    [
        ("vus", "ramping-vus", "is a field of constant-vus or per-vu-iterations, not of ramping-vus"),
        (
            "maxVUs",
            "constant-vus",
            f"is written max_vus here and is a field of {OPEN_LOOPS}, not of constant-vus",
        ),
        (
            "spawn_rate",
            "ramping-vus",
            "is a field of constant-vus, per-vu-iterations or spike, not of ramping-vus",
        ),
        (
            "users",
            "ramping-vus",
            "is written vus here and is a field of constant-vus or per-vu-iterations, not of ramping-vus",
        ),
        ("duraton", "constant-vus", "is not a field; did you mean 'duration'?"),
        ("spikevus", "constant-vus", "is not a field; did you mean 'spike_vus'?"),
        ("colour", "constant-vus", "is not a field"),
        ("colour", None, "is not a field"),
    ],
)
def test_a_field_of_another_executor_is_explained(field: str, executor: str | None, advice: str) -> None:
    """The advice names the executors that have the field, else the most similar field."""
    assert explain_unknown_field(field, executor, at_top=False, has_phases=True) == advice


def test_a_field_of_a_phase_at_the_top_is_moved() -> None:
    """Next to `phases` the top level has no fields of executors."""
    advice = explain_unknown_field("think_time", None, at_top=True, has_phases=True)
    assert advice == "is a field of a phase; move it into phases"
    advice = explain_unknown_field("thresold", None, at_top=True, has_phases=True)
    assert advice == "is not a field; did you mean 'thresholds'?"


@pytest.mark.parametrize(
    ("fields", "executors"),
    [
        (("vus", "duration"), "constant-vus"),
        (("vus", "duration", "think_time"), "constant-vus"),
        (("vus", "iterations"), "per-vu-iterations"),
        (("stages",), "ramping-vus or ramping-arrival-rate"),
        (("stages", "start_vus"), "ramping-vus"),
        (("stages", "start_rate"), "ramping-arrival-rate"),
        (("rate", "duration"), "constant-arrival-rate"),
        (("base_vus", "spike_vus"), "spike"),
    ],
)
def test_the_fields_suggest_the_executor(fields: tuple[str, ...], executors: str) -> None:
    """A phase without an executor is answered with the executor that has its fields."""
    assert suggest_executors(fields) == executors


@pytest.mark.parametrize("executor", sorted(EXECUTORS))
def test_all_fields_of_an_executor_suggest_it(executor: str) -> None:
    """With all of its fields, only this executor is suggested."""
    assert executor in suggest_executors(list_fields(EXECUTORS[executor]))
