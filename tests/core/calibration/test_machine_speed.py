import math
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.calibration.machine_speed import SHIFT_RATIO, MachineSpeed, compare_speed, workload_slope
from bench.core.calibration.reference_workload import PINNED, ReferenceWorkload
from bench.core.samples.metric import Part
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.verdict import Verdict
from tests.factories import (
    MACHINES,
    NO_CONTROL,
    ONE_MACHINE,
    machines_baseline,
    made_on,
    make_fingerprint,
    make_reference_workload,
)


class MeasuredRun(NamedTuple):
    """A run of which only the reference workload is known."""

    reference_workload: ReferenceWorkload | None


def compare_workloads(
    heads: Sequence[ReferenceWorkload | None], base: Sequence[ReferenceWorkload | None]
) -> MachineSpeed | None:
    """The machine speed of runs with these reference workloads."""
    return compare_speed(list(map(MeasuredRun, heads)), list(map(MeasuredRun, base)))


def said(comparison: Comparison) -> dict[str, Verdict]:
    """The verdict on each metric that decides."""
    return {each.key: each.verdict for each in comparison.metrics if each.part is Part.DECIDES}


def test_the_pace_is_the_mean_of_logarithms() -> None:
    """A machine that is twice as slow in everything is slower by log 2, whatever the pieces take."""
    pieces = make_reference_workload().pieces
    assert make_reference_workload(2.0).log_time(pieces) - make_reference_workload().log_time(
        pieces
    ) == pytest.approx(math.log(2.0))
    assert make_reference_workload().log_time(frozenset({"json"})) == pytest.approx(math.log(2.0))


def test_the_pinned_request_speaks_for_the_whole() -> None:
    """Where a stack declares what to ask, that is the control; else everything that was done both times."""
    assert make_reference_workload().pieces == {"arithmetic", "json"}
    both = {"arithmetic": 10.0, PINNED: 900.0}
    assert make_reference_workload(before_ms=both, after_ms=both).pieces == {PINNED}
    assert make_reference_workload(before_ms=both).pieces == {"arithmetic"}
    assert make_reference_workload(after_ms={}).pieces == frozenset()


def test_times_are_rounded_for_people() -> None:
    """A baseline holds a control in as many digits as say something."""
    assert make_reference_workload(1.0 / 3.0).rounded(2).before_ms == {"arithmetic": 3.33, "json": 0.67}


@pytest.mark.parametrize(
    "heads",
    [
        [None],
        [make_reference_workload(version=2)],
        [make_reference_workload(after_ms={})],
        [make_reference_workload(before_ms={"json": 1.0})],
        [make_reference_workload(), None],
    ],
)
def test_only_the_same_work_compares(heads: list[ReferenceWorkload | None]) -> None:
    """A run without a control, of other work, or broken off, says nothing of the machine."""
    assert compare_workloads(heads, [make_reference_workload()] * 5) is None


def test_no_work_is_no_make_reference_workload() -> None:
    """Runs that were all broken off have nothing in common to compare."""
    interrupted = make_reference_workload(after_ms={})
    assert compare_workloads([interrupted], [interrupted]) is None


def test_how_much_slower_a_machine_is() -> None:
    """Beside runs of one pace a run of another is slower by their ratio."""
    heads = [make_reference_workload(1.1), make_reference_workload(1.3)]
    speed = compare_workloads(heads, [make_reference_workload()] * 5)
    assert speed is not None
    assert speed.slowdown_ratio == pytest.approx(math.sqrt(1.1 * 1.3) - 1.0)
    assert speed.environment_shift


@pytest.mark.parametrize(("slower", "moved"), [(0.0, False), (0.04, False), (0.2, True), (-0.2, True)])
def test_a_machine_is_another_one_beyond_chance(slower: float, moved: bool) -> None:
    """A pace within what counts as the same, or within the spread of the others, is no shift."""
    base = tuple(math.log(each) for each in ONE_MACHINE)
    assert MachineSpeed((slower,), base).environment_shift == moved
    assert not MachineSpeed(
        (math.log1p(SHIFT_RATIO) + 0.001,), tuple(5.0 * math.log(each) for each in MACHINES)
    ).environment_shift


def test_a_slope_is_shrunk_to_one_and_needs_to_show() -> None:
    """What follows its control in full has slope 1, what does not follow it 0; never more than 1.2."""
    workload_factors = [math.log(each) for each in MACHINES]
    assert workload_slope(workload_factors, workload_factors) == pytest.approx(1.0)
    assert workload_slope(workload_factors, [0.5 * each for each in workload_factors]) == pytest.approx(
        (9 * 0.5 + 6) / 15
    )
    assert workload_slope(workload_factors, [3.0 * each for each in workload_factors]) == 1.2
    assert workload_slope(workload_factors, [-each for each in workload_factors]) == 0.0
    assert workload_slope(workload_factors, [1.0, -1.0] * 5) == 0.0
    assert workload_slope([0.0] * 10, workload_factors) == 0.0
    assert workload_slope(workload_factors, [0.0] * 10) == 0.0


@settings(max_examples=30)
@given(st.sampled_from((MACHINES, ONE_MACHINE)), st.floats(0.6, 1.8))
def test_a_slower_machine_is_no_regression(machines: tuple[float, ...], workload_factor: float) -> None:
    """All times of a run, its control's too, by a constant: nothing regressed, improved or failed."""
    comparison = compare(made_on(workload_factor, workload_factor), machines_baseline(machines))
    assert comparison.decision in {Decision.PASS, Decision.INCONCLUSIVE}
    assert not {Verdict.REGRESSED, Verdict.IMPROVED} & set(said(comparison).values())


def test_without_a_control_the_machine_looks_like_the_version() -> None:
    """The same run beside the same baseline regresses where no control speaks for the machine."""
    assert (
        compare(made_on(1.5, None), machines_baseline(workload_factors=NO_CONTROL)).decision is Decision.FAIL
    )
    comparison = compare(made_on(1.5, 1.5), machines_baseline())
    assert comparison.decision is Decision.PASS
    assert comparison.machine is not None
    assert comparison.machine.slower_ratio == pytest.approx(0.5, abs=0.02)


def test_a_slower_version_on_a_slower_machine_regresses() -> None:
    """What the machine does not explain is the version's, and its size is what is left."""
    comparison = compare(made_on(1.2 * 1.3, 1.2), machines_baseline())
    response = next(each for each in comparison.metrics if each.key == "e2e_ms")
    assert response.verdict is Verdict.REGRESSED
    assert response.change_ratio == pytest.approx(0.3, abs=0.02)
    assert response.machine_ratio == pytest.approx(0.2, abs=0.02)
    assert comparison.decision is Decision.FAIL


def test_an_environment_shift_is_said_and_decides_nothing() -> None:
    """A baseline of one machine cannot show how a metric follows machine speed: another is inconclusive."""
    comparison = compare(
        made_on(1.25, 1.25), machines_baseline(ONE_MACHINE, workload_factors=ONE_MACHINE[::-1])
    )
    assert comparison.decision is Decision.INCONCLUSIVE
    assert comparison.reasons[0].startswith("environment shift: the reference workload was 24.9 % slower")
    assert "which the machine may explain" in comparison.reasons[1]
    assert said(comparison)["e2e_ms"] is Verdict.INCONCLUSIVE
    assert comparison.machine is not None
    assert comparison.machine.environment_shift


def test_an_environment_shift_does_not_hide_what_is_larger() -> None:
    """Twice as slow on a machine that is a quarter slower is the version's doing, and both are said."""
    comparison = compare(
        made_on(2.0, 1.25), machines_baseline(ONE_MACHINE, workload_factors=ONE_MACHINE[::-1])
    )
    assert comparison.decision is Decision.FAIL
    assert any(each.startswith("environment shift") for each in comparison.reasons)


def test_a_faster_machine_is_said_as_well() -> None:
    """A shift has a direction."""
    comparison = compare(
        made_on(0.7, 0.7), machines_baseline(ONE_MACHINE, workload_factors=ONE_MACHINE[::-1])
    )
    assert "faster" in comparison.reasons[0]


def test_a_control_of_something_else_changes_nothing() -> None:
    """Where a metric does not follow the control, it is judged as if there were none."""
    comparison = compare(made_on(1.0, 1.1), machines_baseline(ONE_MACHINE, workload_factors=MACHINES[::-1]))
    assert comparison.decision is Decision.PASS
    assert all(each.machine_ratio is None for each in comparison.metrics)


def test_where_time_is_simulated_the_machine_is_no_matter() -> None:
    """A simulated stack takes its time from a clock, so its control is kept and not used."""
    simulated = make_fingerprint()
    comparison = compare(
        made_on(1.5, 1.5, fingerprint=simulated), machines_baseline(ONE_MACHINE, fingerprint=simulated)
    )
    assert comparison.decision is Decision.FAIL
    assert comparison.machine is None


def test_another_processor_compares_by_its_make_reference_workload() -> None:
    """The model of the processor may differ only where both sides say how fast theirs is."""
    other = make_fingerprint(simulated=False, cpu_model="Another CPU")
    assert compare(made_on(1.2, 1.2, fingerprint=other), machines_baseline()).baseline_runs == 10
    alone = compare(made_on(1.2, None, fingerprint=other), machines_baseline())
    assert alone.decision is Decision.INCONCLUSIVE
    assert "cpu_model: Test CPU → Another CPU" in alone.reasons[0]
    larger = make_fingerprint(simulated=False, cpu_count=64)
    assert compare(made_on(1.2, 1.2, fingerprint=larger), machines_baseline()).baseline_runs == 0
