import math
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.calibration.machine_speed import SHIFT_RATIO, MachineSpeed, compare_speed, machine_slope
from bench.core.calibration.reference_workload import PINNED, ReferenceWorkload
from bench.core.report.invalid_runs import QUIET_MACHINE
from bench.core.report.report import make_report
from bench.core.samples.metric import Part
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.verdict import Verdict
from bench.core.watch.resources import ResourceSummary
from tests.factories import (
    MACHINES,
    NO_WORKLOAD,
    ONE_MACHINE,
    machines_baseline,
    make_fingerprint,
    make_reference_workload,
    run_on_machine,
)


class MeasuredRun(NamedTuple):
    """A run of which only the reference workload is known."""

    reference_workload: ReferenceWorkload | None


def compare_workloads(
    heads: Sequence[ReferenceWorkload | None], base: Sequence[ReferenceWorkload | None]
) -> MachineSpeed | None:
    """The machine speed of runs with these reference workloads."""
    return compare_speed(list(map(MeasuredRun, heads)), list(map(MeasuredRun, base)))


def slope_on(log_times: Sequence[float], distances: Sequence[float]) -> float:
    """The slope of a metric in the runs of one level."""
    return machine_slope([list(zip(log_times, distances, strict=True))])


def verdicts(comparison: Comparison) -> dict[str, Verdict]:
    """The verdict on each deciding metric."""
    return {row.key: row.verdict for row in comparison.metrics if row.part is Part.DECIDES}


def test_the_workload_time_is_a_mean_of_logarithms() -> None:
    """The time of a piece is the geometric mean of its times before and after the load."""
    workload = make_reference_workload(after_ms={"arithmetic": 40.0, "json": 2.0})
    assert workload.log_time("arithmetic") == pytest.approx(math.log(20.0))
    assert workload.log_drift("arithmetic") == pytest.approx(math.log(4.0))
    only_after = make_reference_workload(before_ms={})
    assert only_after.log_time("json") == pytest.approx(math.log(2.0))


def test_the_speed_is_the_median_of_the_pieces() -> None:
    """A disturbance of one of three pieces changes nothing; all of them together are the machine."""
    usual = {"arithmetic": 10.0, "json": 2.0, "echo": 0.1}
    base = [make_reference_workload(before_ms=usual, after_ms=usual)] * 5
    disturbed = usual | {"echo": 0.3}
    one_piece = make_reference_workload(before_ms=disturbed, after_ms=disturbed)
    slower = {piece: 1.2 * time_ms for piece, time_ms in usual.items()}
    slow = make_reference_workload(before_ms=slower, after_ms=slower)
    speeds = compare_workloads([one_piece], base), compare_workloads([slow], base)
    assert [None if speed is None else round(speed.slowdown_ratio, 6) for speed in speeds] == [0.0, 0.2]


def test_the_workload_knows_its_own_error() -> None:
    """It is half the spread of the differences between the times before and after a load."""
    drifts = (1.0, 1.02, 0.98, 1.02, 0.98)
    base = [make_reference_workload(after_ms={"arithmetic": 10.0 * by, "json": 2.0 * by}) for by in drifts]
    speed = compare_workloads([], base)
    assert speed is not None
    assert speed.own_sd == pytest.approx(1.4826 * 0.02 / 2.0, rel=0.02)
    only_after = compare_workloads([], [make_reference_workload(before_ms={})] * 5)
    assert only_after is not None
    assert only_after.own_sd is None


def test_a_workload_at_twice_its_usual_time_shows_a_saturated_machine() -> None:
    """Such a machine is busy with other work."""
    base = [make_reference_workload()] * 5
    speeds = [compare_workloads([make_reference_workload(factor)], base) for factor in (1.9, 2.01, 5.0)]
    assert [speed is not None and speed.saturated for speed in speeds] == [False, True, True]


def test_a_confirmation_run_without_a_workload_has_the_speed_of_the_run() -> None:
    """Both runs share the machine."""
    speed = compare_workloads([make_reference_workload(1.2), None], [make_reference_workload()] * 5)
    assert speed is not None
    assert speed.head_log_times == pytest.approx((math.log(1.2),) * 2)


def test_a_pinned_request_is_the_whole_reference_workload() -> None:
    """A pinned request is the workload; without one, all pieces with times before and after are."""
    assert make_reference_workload().pieces == {"arithmetic", "json"}
    both = {"arithmetic": 10.0, PINNED: 900.0}
    assert make_reference_workload(before_ms=both, after_ms=both).pieces == {PINNED}
    assert make_reference_workload(before_ms=both).pieces == {"arithmetic"}
    assert make_reference_workload(after_ms={}).pieces == frozenset()


def test_workload_times_are_rounded() -> None:
    """A baseline stores workload times with a limited number of digits."""
    assert make_reference_workload(1.0 / 3.0).rounded(2).before_ms == {"arithmetic": 3.33, "json": 0.67}


@pytest.mark.parametrize(
    "heads",
    [
        [None],
        [make_reference_workload(version=1)],
        [make_reference_workload(after_ms={})],
        [make_reference_workload(before_ms={"json": 1.0})],
        [None, make_reference_workload()],
    ],
)
def test_only_the_same_workload_is_compared(heads: list[ReferenceWorkload | None]) -> None:
    """Runs without a workload, with another one, or with an incomplete one have no machine speed."""
    assert compare_workloads(heads, [make_reference_workload()] * 5) is None


def test_interrupted_workloads_are_not_compared() -> None:
    """Runs without times after the run have no common piece."""
    interrupted = make_reference_workload(after_ms={})
    assert compare_workloads([interrupted], [interrupted]) is None


def test_the_slowdown_is_a_ratio_of_mean_workload_times() -> None:
    """Compared with runs of one speed, a run is slower by the ratio of the times."""
    heads = [make_reference_workload(1.1), make_reference_workload(1.3)]
    speed = compare_workloads(heads, [make_reference_workload()] * 5)
    assert speed is not None
    assert speed.slowdown_ratio == pytest.approx(math.sqrt(1.1 * 1.3) - 1.0)
    assert speed.environment_shift


@pytest.mark.parametrize(("slower", "moved"), [(0.0, False), (0.04, False), (0.2, True), (-0.2, True)])
def test_an_environment_shift_is_more_than_chance(slower: float, moved: bool) -> None:
    """A small difference, or one within the spread of the baseline, is not a shift."""
    base = tuple(math.log(row) for row in ONE_MACHINE)
    assert MachineSpeed((slower,), base).environment_shift == moved
    assert not MachineSpeed(
        (math.log1p(SHIFT_RATIO) + 0.001,), tuple(5.0 * math.log(row) for row in MACHINES)
    ).environment_shift


def test_a_slope_is_shrunk_to_one_and_needs_a_correlation() -> None:
    """A metric in proportion to the workload has slope 1, an uncorrelated one 0; the largest slope is 1.2."""
    x = [math.log(row) for row in MACHINES]
    assert slope_on(x, x) == pytest.approx(1.0)
    assert slope_on(x, [0.5 * row for row in x]) == pytest.approx((9 * 0.5 + 6) / 15)
    assert slope_on(x, [3.0 * row for row in x]) == 1.2
    assert slope_on(x, [-row for row in x]) == 0.0
    assert slope_on(x, [1.0, -1.0] * 5) == 0.0
    assert slope_on([0.0] * 10, x) == 0.0
    assert slope_on(x, [0.0] * 10) == 0.0


@settings(max_examples=30)
@given(st.sampled_from((MACHINES, ONE_MACHINE)), st.floats(0.6, 1.8))
def test_a_slower_machine_is_no_regression(machines: tuple[float, ...], workload_factor: float) -> None:
    """If all times and the workload change by one factor, no metric regresses or improves."""
    comparison = compare(run_on_machine(workload_factor, workload_factor), machines_baseline(machines))
    assert comparison.decision in {Decision.PASS, Decision.INCONCLUSIVE}
    assert not {Verdict.WORSE, Verdict.BETTER} & set(verdicts(comparison).values())


def test_without_a_workload_a_slower_machine_is_a_regression() -> None:
    """The same run regresses if the machine speed is unknown."""
    assert (
        compare(run_on_machine(1.5, None), machines_baseline(workload_factors=NO_WORKLOAD)).decision
        is Decision.FAIL
    )
    comparison = compare(run_on_machine(1.5, 1.5), machines_baseline())
    assert comparison.decision is Decision.INCONCLUSIVE
    assert comparison.machine is not None
    assert comparison.machine.slower_ratio == pytest.approx(0.5, abs=0.02)


def test_a_slower_version_on_a_slower_machine_regresses() -> None:
    """The part of the change that the machine does not explain belongs to the version."""
    comparison = compare(run_on_machine(1.2 * 1.3, 1.2), machines_baseline())
    response = next(row for row in comparison.metrics if row.key == "e2e_ms")
    assert response.verdict is Verdict.WORSE
    assert response.change_ratio == pytest.approx(0.3, abs=0.02)
    assert response.machine_ratio == pytest.approx(0.2, abs=0.02)
    assert comparison.decision is Decision.FAIL


def test_an_environment_shift_is_reported_and_inconclusive() -> None:
    """A baseline of one machine does not show the effect of machine speed, so another is inconclusive."""
    comparison = compare(
        run_on_machine(1.25, 1.25), machines_baseline(ONE_MACHINE, workload_factors=ONE_MACHINE[::-1])
    )
    assert comparison.decision is Decision.INCONCLUSIVE
    assert comparison.reasons[0].startswith("environment shift: the reference workload was 24.9 % slower")
    assert "the machine may explain " in comparison.reasons[1]
    assert verdicts(comparison)["e2e_ms"] is Verdict.INCONCLUSIVE
    assert comparison.machine is not None
    assert comparison.machine.environment_shift


def test_an_environment_shift_does_not_hide_a_larger_change() -> None:
    """A run of double time on a machine that is 25 % slower fails, with the shift as a reason."""
    comparison = compare(
        run_on_machine(2.0, 1.25), machines_baseline(ONE_MACHINE, workload_factors=ONE_MACHINE[::-1])
    )
    assert comparison.decision is Decision.FAIL
    assert any(row.startswith("environment shift") for row in comparison.reasons)


def test_a_faster_machine_is_reported() -> None:
    """An environment shift has a direction."""
    comparison = compare(
        run_on_machine(0.7, 0.7), machines_baseline(ONE_MACHINE, workload_factors=ONE_MACHINE[::-1])
    )
    assert "faster" in comparison.reasons[0]


def test_an_unrelated_workload_corrects_no_metric() -> None:
    """A metric that does not follow the workload is judged without correction."""
    comparison = compare(
        run_on_machine(1.0, 1.1), machines_baseline(ONE_MACHINE, workload_factors=MACHINES[::-1])
    )
    assert comparison.decision is Decision.PASS
    assert all(row.machine_ratio is None for row in comparison.metrics)


def test_a_simulated_stack_has_no_machine_speed() -> None:
    """A simulated stack takes its time from a clock, so its reference workload is not used."""
    simulated = make_fingerprint()
    comparison = compare(
        run_on_machine(1.5, 1.5, fingerprint=simulated), machines_baseline(ONE_MACHINE, fingerprint=simulated)
    )
    assert comparison.decision is Decision.FAIL
    assert comparison.machine is None


def test_a_workload_allows_another_processor_model() -> None:
    """Processor models may differ only if both sides have a reference workload."""
    other = make_fingerprint(simulated=False, cpu_model="Another CPU")
    assert compare(run_on_machine(1.2, 1.2, fingerprint=other), machines_baseline()).baseline_runs == 10
    alone = compare(run_on_machine(1.2, None, fingerprint=other), machines_baseline())
    assert alone.decision is Decision.INCONCLUSIVE
    assert "cpu_model: Test CPU → Another CPU, and the run has no reference workload" in alone.reasons[0]
    larger = make_fingerprint(simulated=False, cpu_count=64)
    assert compare(run_on_machine(1.2, 1.2, fingerprint=larger), machines_baseline()).baseline_runs == 0


def test_a_saturated_machine_makes_a_run_inconclusive() -> None:
    """If its reference workload takes three times as long, a slow run neither fails nor passes."""
    saturated = compare(run_on_machine(3.0, 3.0), machines_baseline())
    assert saturated.decision is Decision.INCONCLUSIVE
    assert saturated.saturation is not None
    assert saturated.saturation == saturated.reasons[0]
    assert "the machine was saturated: the reference workload took 3.0 times" in saturated.reasons[0]
    assert compare(run_on_machine(1.0, 1.0), machines_baseline()).saturation is None


def test_the_next_step_of_a_saturated_machine_is_to_make_it_quiet() -> None:
    """More runs on it, or more pairs, would be as uncertain."""
    run = run_on_machine(3.0, 3.0)
    comparison = compare(run, machines_baseline())
    for base_name in (None, "main"):
        named = comparison.model_copy(update={"base_name": base_name})
        assert make_report(run, named).next_step == QUIET_MACHINE


def test_other_programs_make_a_run_inconclusive() -> None:
    """A run next to programs that use all cores is inconclusive, also if nothing else is suspicious."""
    run = run_on_machine(1.0, 1.0)
    usage = {"host": 100.0, "backend": 3.0, "generator": 2.0}
    resources = {
        source: ResourceSummary(cpu_pct_mean=pct, cpu_pct_p95=pct, memory_bytes_max=None)
        for source, pct in usage.items()
    }
    busy = run.model_copy(update={"summary": run.summary.model_copy(update={"resources": resources})})
    comparison = compare(busy, machines_baseline())
    assert comparison.decision is Decision.INCONCLUSIVE
    assert comparison.reasons[0].startswith("the machine was saturated: other programs used 97.5 %")
