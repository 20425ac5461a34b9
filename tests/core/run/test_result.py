import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.core.run.origin import Fingerprint
from bench.core.run.result import RunResult, differences, environment, make_result
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome, Stop, StopCause
from tests.factories import (
    PROMPTS,
    make_fingerprint,
    make_provenance,
    make_recording,
    make_run,
    make_sample,
    make_scenario,
    make_spec,
    run_at,
)

MACHINE = {"system": "debian-12-aarch64", "cpu_count": 64}
RECORDED = {"cpu_model": "Other CPU", "image": "ubuntu24-20260105.1", "kernel": "6.8.0"}
WORK = {"stack": "compose", "stack_digest": "d" * 64, "work_digest": "e" * 64}


def test_a_result_has_the_data_and_its_judgement() -> None:
    """A result has the scenario, the origin, the summary, the thresholds and the validity of a run."""
    result = make_run()
    assert result.scenario == make_scenario()
    assert result.fingerprint == make_fingerprint()
    assert result.provenance == make_provenance()
    assert result.summary.requests == 100
    assert [row.metric for row in result.thresholds] == ["e2e_ms", "success_ratio"]
    assert not any(row.crossed for row in result.thresholds)
    assert result.validity.valid
    assert (result.stop, result.warnings) == (None, ())


def test_a_result_has_the_end_and_the_warnings() -> None:
    """The recording's end and warnings are those of the result."""
    stop = Stop(cause=StopCause.INTERRUPT, reason="Ctrl-C")
    result = make_run(make_recording(stop=stop, warnings=("one user was left behind",)))
    assert result.stop == stop
    assert result.warnings == ("one user was left behind",)
    assert not result.validity.valid


@pytest.mark.parametrize(
    "phase",
    [
        {"executor": "constant-vus", "vus": 10, "duration_s": 5000, "think_time_s": (0, 0)},
        {"executor": "constant-arrival-rate", "rate": 3, "duration_s": 5000},
    ],
    ids=["vus", "rate"],
)
def test_a_million_requests_need_little_memory(phase: dict[str, Any]) -> None:
    """All temporary arrays together are smaller than the requests of a stack with seven tiers."""
    tier_times = {f"tier-{number}": 1.5 for number in range(7)}
    rows = [
        make_sample(seq, tier_times=tier_times, outcome=Outcome.HTTP_ERROR if seq % 100 == 0 else Outcome.OK)
        for seq in range(2**14)
    ]
    recording = make_recording(rows, planned_s=5000.0, elapsed_s=5000.0)
    spec = make_spec(make_scenario(phases=[phase]))
    make_run(make_recording(rows[:500]), spec=spec)  # imports what a result needs
    tracemalloc.start()
    try:
        make_result(spec, recording, make_provenance(), make_fingerprint())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most / len(rows) < 90


_SAMPLES = st.lists(
    st.builds(
        make_sample,
        st.integers(0, 200),
        prompt=st.sampled_from(PROMPTS),
        outcome=st.sampled_from(Outcome),
        latency_ms=st.floats(1.0, 60_000.0),
        connect_s=st.none() | st.floats(0.0, 0.001),
        first_token_s=st.none() | st.floats(60.0, 120.0),
        tokens=st.none() | st.integers(0, 10_000),
        status=st.none() | st.integers(100, 599),
        detail=st.none() | st.text(max_size=20),
        tier_times=st.dictionaries(st.sampled_from(["agent", "model"]), st.floats(0, 1e6)),
    ),
    max_size=25,
)


@given(_SAMPLES, st.none() | st.builds(Stop, cause=st.sampled_from(StopCause), reason=st.text(max_size=20)))
def test_every_result_survives_json(samples: list[RequestSample], stop: Stop | None) -> None:
    """A result that is written as JSON and read again is equal, digit for digit."""
    result = make_run(make_recording(samples, stop=stop))
    text = result.model_dump_json()
    again = RunResult.model_validate_json(text)
    assert again == result
    assert again.model_dump_json() == text


def test_a_result_with_all_options_survives_json() -> None:
    """Tolerances, aborting thresholds, injections and times in other zones are read back."""
    scenario = make_scenario(
        tolerances={"e2e_ms": {"ratio": 0.2}},
        thresholds={"e2e_ms": [{"threshold": "avg<1", "abort_on_fail": True, "delay_abort_eval_s": 0}]},
    )
    provenance = make_provenance(
        started_at=datetime.fromisoformat("2026-01-05T12:00:00.123456+05:30"),
        injections={"model.slowdown": 1.3},
        commit=None,
        dirty=None,
    )
    result = make_run(spec=make_spec(scenario), provenance=provenance)
    again = RunResult.model_validate_json(result.model_dump_json())
    assert again == result
    assert again.provenance.started_at == datetime(2026, 1, 5, 6, 30, 0, 123456, tzinfo=UTC)


def test_an_unknown_field_is_refused() -> None:
    """A field of another version is not ignored."""
    content = make_run().model_dump(mode="json") | {"verdict": "fine"}
    with pytest.raises(ValidationError, match="verdict"):
        RunResult.model_validate(content)


def test_a_time_without_a_zone_is_refused() -> None:
    """The start of a run is the same for readers in all zones."""
    with pytest.raises(ValidationError, match="timezone"):
        make_provenance(started_at="2026-01-05T12:00:00")


def test_a_run_is_comparable_with_itself() -> None:
    """Equal fingerprints have no differences."""
    assert differences(make_fingerprint(), make_fingerprint()) == ()
    assert differences(make_fingerprint(simulated=False), make_fingerprint(simulated=False)) == ()


@pytest.mark.parametrize(("field", "other"), [*MACHINE.items(), *WORK.items()])
def test_a_difference_has_both_values(field: str, other: Any) -> None:
    """Each different field is named with the old value first."""
    base = make_fingerprint(simulated=False)
    head = base.model_copy(update={field: other})
    ends = [str(row)[:9] if "digest" in field else row for row in (getattr(base, field), other)]
    assert differences(head, base) == (f"{field}: {ends[0]} → {ends[1]}",)


def test_differences_have_the_order_of_the_fields() -> None:
    """Several differences are several texts."""
    head = make_fingerprint(simulated=False, model="small", **MACHINE, **WORK)
    base = make_fingerprint(simulated=False, model="large")
    said = [row.split(":")[0] for row in differences(head, base)]
    assert said == [
        field for field in Fingerprint.model_fields if field not in {"simulated", "parts", *RECORDED}
    ]


def test_parts_are_compared_one_by_one() -> None:
    """Digests are shortened, and an absent part is `none`."""
    base = make_fingerprint(parts={"image of db": "sha256:" + "a" * 64, "MODEL": "small", "same": "1"})
    head = make_fingerprint(parts={"image of db": "sha256:" + "b" * 64, "same": "1"})
    assert differences(head, base) == ("MODEL: small → none", "image of db: aaaaaaaaa → bbbbbbbbb")


def test_simulated_runs_ignore_the_machine() -> None:
    """Simulated runs on different machines are comparable, those of different work are not."""
    assert differences(make_fingerprint(**MACHINE), make_fingerprint()) == ()
    assert len(differences(make_fingerprint(**MACHINE, **WORK), make_fingerprint())) == len(WORK)


@pytest.mark.parametrize("changes", [{name: value} for name, value in RECORDED.items()] + [RECORDED])
def test_the_image_the_kernel_and_the_processor_model_are_only_recorded(changes: dict[str, str]) -> None:
    """An update of a hosted runner's image does not end a baseline; its place stays the same, too."""
    head = make_fingerprint(simulated=False, **changes)
    base = make_fingerprint(simulated=False)
    assert differences(head, base) == differences(base, head) == ()
    assert environment(head) == environment(base)


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_and_real_runs_are_not_comparable(simulated: bool) -> None:
    """If only one side is simulated, the machine counts too."""
    head = make_fingerprint(simulated=simulated, **MACHINE)
    base = make_fingerprint(simulated=not simulated)
    said = {row.split(":")[0] for row in differences(head, base)}
    assert said == {"simulated", *MACHINE}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "simulated"),
        (MACHINE, "simulated"),
        ({"simulated": False}, "linux-x86_64-2cpu"),
        ({"simulated": False, "system": "ubuntu-24-x86_64"}, "ubuntu-24-x86_64-2cpu"),
        ({"simulated": False, "system": "Windows/11 AMD64", "cpu_count": 8}, "windows-11-amd64-8cpu"),
    ],
)
def test_an_environment_is_the_name_of_a_folder(changes: dict[str, Any], name: str) -> None:
    """Comparable machines share a folder, whose name is valid on every system."""
    assert environment(make_fingerprint(**changes)) == name


@given(st.text(max_size=40))
def test_an_environment_never_leaves_its_folder(system: str) -> None:
    """Every system name becomes a single folder name."""
    name = environment(make_fingerprint(simulated=False, system=system))
    assert "/" not in name
    assert "\\" not in name
    assert name.isascii()
    assert name not in ("", ".", "..")


def test_a_factor_scales_response_times() -> None:
    """The factory's factor scales response times, as all tests of verdicts assume."""
    usual, slower = (run_at(factor).summary.metrics["e2e_ms"] for factor in (1.0, 1.3))
    assert slower.mean == pytest.approx(1.3 * usual.mean)


def test_warm_up_is_in_no_part_of_a_result() -> None:
    """Summary, objectives and thresholds exclude the warm-up."""
    phase = {"executor": "constant-vus", "vus": 1, "duration_s": 15, "think_time_s": (0, 0)}
    scenario = make_scenario(
        phases=[phase | {"warm_up": True}, phase],
        thresholds={"e2e_ms": ["max<1000"], "requests": ["count==50"]},
        objectives={"e2e_ms": 1000},
    )
    samples = [
        make_sample(seq, phase=seq // 50, latency_ms=9000.0 if seq < 50 else 500.0) for seq in range(100)
    ]
    result = make_run(make_recording(samples), spec=make_spec(scenario))
    assert result.summary.requests == 50
    assert result.summary.elapsed_s == pytest.approx(31.0 - 15.0)
    assert result.summary.goodput is not None
    assert result.summary.goodput.ratio == 1.0
    assert not any(row.crossed for row in result.thresholds)
