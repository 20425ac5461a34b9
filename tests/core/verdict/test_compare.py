import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.sample import Outcome, Stop, StopCause
from bench.core.values import wording
from bench.core.verdict.baseline import MIN_RUNS, Baseline
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.core.figures import without_success
from tests.factories import (
    TIER_TIMES,
    make_baseline,
    make_fingerprint,
    make_recording,
    make_run,
    make_sample,
    make_scenario,
    make_spec,
    run_at,
    vary,
    with_runs,
)

REAL = make_fingerprint(simulated=False)
ONE_TIER = {"agent": 1.0}
CROSSED = make_spec(make_scenario(thresholds={"e2e_ms": ["p(95)<100", "avg<5000"]}))


@cache
def usual() -> Baseline:
    """Ten ordinary runs."""
    return make_baseline()


def few(*factors: float) -> Baseline:
    """Small runs with these factors and a single tier, for tests with many runs."""
    return make_baseline(factors, tier_times=ONE_TIER, requests=4)


def verdicts(comparison: Comparison) -> dict[str, Verdict]:
    """The verdict on each metric."""
    return {row.key: row.verdict for row in comparison.metrics}


def stopped(cause: StopCause, reason: str, **parts: Any) -> RunResult:
    """A run that ended early."""
    return make_run(make_recording(stop=Stop(cause=cause, reason=reason)), **parts)


@settings(max_examples=25)
@given(st.floats(0.7, 3.0), st.lists(st.floats(0.0, 0.5), min_size=3, max_size=4))
def test_a_run_in_the_middle_of_its_baseline_never_fails(factor: float, errors: list[float]) -> None:
    """compare(a, runs around a) never fails, for every spread of these runs."""
    around = [factor * math.exp(side * error) for error in errors for side in (1.0, -1.0)]
    comparison = compare(run_at(factor, 99, tier_times=ONE_TIER, requests=4), few(*around))
    assert comparison.decision in {Decision.PASS, Decision.INCONCLUSIVE}
    assert set(verdicts(comparison).values()) <= {Verdict.UNCHANGED, Verdict.INCONCLUSIVE}


def test_a_run_passes_against_itself() -> None:
    """compare(a, runs equal to a) passes: without noise, a change is detectable."""
    comparison = compare(run_at(1.2, 99), make_baseline([1.2] * 10))
    assert comparison.decision is Decision.PASS


@pytest.mark.parametrize(
    ("factor", "decision", "verdict"),
    [
        (1.0, Decision.PASS, Verdict.UNCHANGED),
        (1.03, Decision.PASS, Verdict.UNCHANGED),
        (1.3, Decision.FAIL, Verdict.WORSE),
        (0.7, Decision.PASS, Verdict.BETTER),
    ],
)
def test_a_slowdown_fails_and_a_gain_passes(factor: float, decision: Decision, verdict: Verdict) -> None:
    """A run that is 30 % slower fails, 30 % faster improves, and 3 % is noise."""
    comparison = compare(run_at(factor, 99), usual())
    assert comparison.decision is decision
    assert verdicts(comparison)["e2e_ms"] is verdict


def test_a_failed_run_names_its_regressions() -> None:
    """Each regression is one reason, deciding metrics first."""
    comparison = compare(_slower({"queue": TIER_TIMES["queue"] + 150.0}), usual())
    assert comparison.reasons == (
        "response time is worse",
        "`queue` is worse",
    )


def test_unattributed_time_never_fails_a_run() -> None:
    """The machine influences unattributed time, so its regression does not fail a run."""
    tier_times = {"agent": 290.0}
    comparison = compare(run_at(1.0, 99, tier_times={"agent": 20.0}), make_baseline(tier_times=tier_times))
    assert verdicts(comparison)["tier.unattributed_ms"] is Verdict.WORSE
    assert comparison.decision is Decision.PASS
    assert comparison.reasons == ("`agent` is better",)


def test_an_improved_run_names_its_improvements() -> None:
    """The reasons of a pass are its improvements."""
    assert "response time is better" in compare(run_at(0.7, 99), usual()).reasons


def test_an_unchanged_run_has_no_reasons() -> None:
    """A pass has no reasons, and all metrics of the run."""
    comparison = compare(run_at(1.0, 99), usual())
    assert comparison.reasons == ()
    assert set(verdicts(comparison)) == {
        "success_ratio",
        "e2e_ms",
        "p95.e2e_ms",
        "tier.unattributed_ms",
        "requests_rps",
        *(f"tier.{name}_ms" for name in TIER_TIMES),
    }
    assert Verdict.WORSE not in verdicts(comparison).values()


def test_swapping_sides_swaps_the_verdict() -> None:
    """If A regresses against B, B improves against A."""
    slow = make_baseline([1.3 * factor for factor in (1.0, 1.01, 0.99, 1.005, 0.995, 1.0, 1.01, 0.99)])
    there = verdicts(compare(run_at(1.3, 99), usual()))["e2e_ms"]
    back = verdicts(compare(run_at(1.0, 99), slow))["e2e_ms"]
    assert (there, back) == (Verdict.WORSE, Verdict.BETTER)


def test_a_comparison_has_its_baseline() -> None:
    """A comparison has the number of runs and the commit of the newest one."""
    comparison = compare(run_at(1.0, 99), usual())
    assert comparison.baseline_runs == 10
    assert comparison.newest_baseline_commit == "c" * 40


def test_without_a_baseline_a_run_is_inconclusive() -> None:
    """The first run of a scenario is inconclusive, and so is one with an empty baseline."""
    said = ("there is no baseline for this scenario and environment yet",)
    empty = with_runs(usual(), ())
    for baseline in (None, empty):
        comparison = compare(run_at(3.0), baseline)
        assert comparison == Comparison(decision=Decision.INCONCLUSIVE, reasons=said)


@pytest.mark.parametrize(("count", "decision"), [(1, "inconclusive"), (4, "inconclusive"), (5, "pass")])
def test_five_runs_are_necessary(count: int, decision: str) -> None:
    """Fewer than five runs cannot separate noise from a change."""
    comparison = compare(run_at(1.0, 99, tier_times=ONE_TIER, requests=4), few(*[1.0] * count))
    assert comparison.decision == decision
    if decision == "inconclusive":
        said = f"{count} of the baseline's {count} runs are comparable, 5 are needed"
        assert comparison.reasons == (said,)
        assert comparison.metrics == ()


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("system", "Linux-aarch64"),
        ("cpu_count", 64),
        ("stack", "compose"),
        ("stack_digest", "d" * 64),
        ("work_digest", "e" * 64),
    ],
)
def test_runs_of_other_conditions_are_not_compared(field: str, other: Any) -> None:
    """Another machine, stack or load is inconclusive and named, for every slowdown."""
    run = run_at(3.0, 99, fingerprint=REAL.model_copy(update={field: other}))
    comparison = compare(run, make_baseline([1.0] * 5, fingerprint=REAL))
    ends = [str(row)[:9] if "digest" in field else row for row in (getattr(REAL, field), other)]
    differs = f"the newest differs in {field}: {ends[0]} → {ends[1]}"
    if field == "work_digest":
        differs += " (another load, other messages or another target, for example by --vus)"
    if field == "stack_digest":
        differs += " (the declaration of the stack changed)"
    said = f"0 of the baseline's 5 runs are comparable, 5 are needed; {differs}"
    assert comparison == Comparison(decision=Decision.INCONCLUSIVE, reasons=(said,))


def test_simulated_runs_of_other_machines_are_compared() -> None:
    """If time is simulated, the machine does not matter."""
    run = run_at(1.3, 99, fingerprint=make_fingerprint(cpu_model="Other CPU", cpu_count=64))
    assert compare(run, usual()).decision is Decision.FAIL


def test_only_comparable_runs_are_used() -> None:
    """Runs of an older load stay in the baseline and are not used."""
    older = make_baseline([9.0] * 6, fingerprint=make_fingerprint(work_digest="e" * 64))
    mixed = with_runs(usual(), (*older.runs, *usual().runs))
    comparison = compare(run_at(1.0, 99), mixed)
    assert (comparison.decision, comparison.baseline_runs) == (Decision.PASS, 10)


def test_comparable_newest_runs_are_counted_only() -> None:
    """If the newest run is comparable, the reason has only the count."""
    older = make_baseline([1.0] * 6, fingerprint=make_fingerprint(work_digest="e" * 64))
    mixed = with_runs(usual(), (*older.runs, *usual().runs[:2]))
    said = "2 of the baseline's 8 runs are comparable, 5 are needed"
    assert compare(run_at(1.0, 99), mixed).reasons == (said,)


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_an_invalid_run_is_invalid_for_all_numbers(factor: float) -> None:
    """An invalid run has no verdict."""
    samples = [make_sample(seq, sent_s=seq * 0.3 + 0.2, latency_ms=500 * factor) for seq in range(100)]
    run = make_run(make_recording(samples), spec=CROSSED)
    comparison = compare(run, usual())
    assert comparison == Comparison(decision=Decision.INVALID, reasons=run.validity.reasons)
    assert "the load generator was late" in comparison.reasons[0]


def test_an_interrupted_run_is_invalid() -> None:
    """An interrupted run is not judged."""
    comparison = compare(stopped(StopCause.INTERRUPT, "Ctrl-C"), usual())
    assert comparison.decision is Decision.INVALID
    assert comparison.reasons == ("the run ended early: Ctrl-C",)


def test_a_run_that_ended_early_is_not_compared() -> None:
    """A threshold that stopped the run, and holds at its end, makes it inconclusive."""
    comparison = compare(stopped(StopCause.THRESHOLD, "threshold e2e_ms avg<1 was crossed (2)"), usual())
    said = "the run ended early and was not compared: threshold e2e_ms avg<1 was crossed (2)"
    assert comparison == Comparison(decision=Decision.INCONCLUSIVE, reasons=(said,))


def test_a_run_that_a_threshold_stopped_fails() -> None:
    """A crossed threshold fails a run that ended early, and both are reasons."""
    comparison = compare(stopped(StopCause.THRESHOLD, "too slow", spec=CROSSED), usual())
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons == (
        "p95 response time is above its threshold of 100 ms",
        "the run ended early and was not compared: too slow",
    )


def test_a_crossed_threshold_fails_without_a_baseline() -> None:
    """Thresholds apply without a baseline."""
    comparison = compare(run_at(spec=CROSSED), None)
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons[0] == "p95 response time is above its threshold of 100 ms"


def test_a_crossed_threshold_fails_an_unchanged_run() -> None:
    """A run that was always too slow does not pass."""
    comparison = compare(run_at(1.0, 99, spec=CROSSED), usual())
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons == ("p95 response time is above its threshold of 100 ms",)
    assert Verdict.WORSE not in verdicts(comparison).values()


def test_a_vanished_tier_fails_the_run() -> None:
    """A tier that the baseline has and the run lacks fails: its work may be missing."""
    tier_times = {name: value for name, value in TIER_TIMES.items() if name != "auth"}
    comparison = compare(run_at(1.0, 99, tier_times=tier_times), usual())
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons == ("missing, but the baseline has it: `auth`",)
    assert verdicts(comparison)["tier.auth_ms"] is Verdict.MISSING


def test_vanished_tiers_are_one_reason() -> None:
    """All vanished tiers are named together, without unattributed time."""
    spec = make_spec(make_scenario(thresholds={}))
    samples = [make_sample(seq, latency_ms=300.0 + 100.0 * (seq % 4), tier_times={}) for seq in range(100)]
    comparison = compare(make_run(make_recording(samples), spec=spec), usual())
    named = ", ".join(f"`{name}`" for name in sorted(TIER_TIMES))
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons == (f"missing, but the baseline has it: {named}",)
    assert verdicts(comparison)["tier.unattributed_ms"] is Verdict.MISSING


def test_a_new_tier_passes() -> None:
    """A tier that the baseline does not have is new."""
    comparison = compare(run_at(1.0, 99, tier_times=TIER_TIMES | {"cache": 1.0}), usual())
    assert comparison.decision is Decision.PASS
    assert verdicts(comparison)["tier.cache_ms"] is Verdict.NEW


def test_a_run_of_failures_fails() -> None:
    """Without a success, the success ratio regressed and all other metrics are missing."""
    comparison = compare(run_at(1.0, 99, failed=range(100)), usual())
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons[:2] == (
        "p95 response time has no value for its threshold of 5,000 ms",
        "success is below its threshold of 95 %",
    )
    assert verdicts(comparison)["success_ratio"] is Verdict.WORSE
    assert verdicts(comparison)["e2e_ms"] is Verdict.MISSING


def test_a_noisy_baseline_makes_the_run_inconclusive() -> None:
    """If a large change is possible, the reason has its size, and the run does not pass."""
    comparison = compare(run_at(1.0, 99), make_baseline([0.7, 1.43] * 5))
    assert comparison.decision is Decision.INCONCLUSIVE
    (row,) = [row for row in comparison.metrics if row.key == "e2e_ms"]
    assert row.verdict is Verdict.INCONCLUSIVE
    assert row.high_ratio is not None
    possible = wording.magnitude(row.high_ratio)
    said = f"response time: a change of {possible} is possible, and a pass excludes 25 %"
    assert comparison.reasons == (said,)


def test_the_minimum_of_runs_can_pass() -> None:
    """Five runs without noise are enough."""
    assert compare(run_at(1.0, 99), make_baseline([1.0] * MIN_RUNS)).decision is Decision.PASS


def test_a_noisy_tier_is_not_inconclusive() -> None:
    """A tier only locates: if it cannot be judged, the response time still can."""
    baseline = usual()
    noisy = [
        run.model_copy(
            update={"figures": run.figures | {"tier.decode_ms": {"greeting": 400.0 * (1 + number % 2)}}}
        )
        for number, run in enumerate(baseline.runs)
    ]
    comparison = compare(run_at(1.0, 99), with_runs(baseline, tuple(noisy)))
    assert verdicts(comparison)["tier.decode_ms"] is Verdict.INCONCLUSIVE
    assert comparison.decision is Decision.PASS


def test_a_baseline_of_failures_has_too_little_data() -> None:
    """If most baseline runs have no response time, that of a run is not judged."""
    mixed = with_runs(usual(), (*without_success().runs[:6], *usual().runs[6:]))
    comparison = compare(run_at(3.0, 99), mixed)
    assert comparison.decision is Decision.INCONCLUSIVE
    assert comparison.reasons == ("response time: too little data to compare",)


@pytest.mark.parametrize(
    ("failed", "decision"),
    [
        ((), Decision.PASS),
        ((50,), Decision.PASS),
        (range(20, 25), Decision.PASS),
        ((5, 25, 45, 65, 85), Decision.FAIL),
    ],
)
def test_failures_count_if_they_are_spread(failed: Sequence[int], decision: Decision) -> None:
    """Five consecutive failures are one disturbance; five failures over the whole run are a regression."""
    spec = make_spec(make_scenario(thresholds={}))
    assert compare(run_at(1.0, 99, failed=failed, spec=spec), usual()).decision is decision


def test_a_tolerance_widens_the_margin() -> None:
    """A scenario with a tolerance of 50 % does not fail for 30 %."""
    tolerances = {key: {"ratio": 1.5} for key in ("e2e_ms", "tier.unattributed_ms")}
    spec = make_spec(make_scenario(tolerances=tolerances | {"tier.unattributed_ms": {"ratio": 9}}))
    assert compare(run_at(1.3, 99, spec=spec), usual()).decision is Decision.PASS


@pytest.mark.parametrize("tier", ["queue", "decode"])
def test_the_slower_tier_is_named(tier: str) -> None:
    """A tier with 150 ms more, and no other, explains the slowdown."""
    slower = _slower({tier: TIER_TIMES[tier] + 150.0})
    comparison = compare(slower, make_baseline([1.0] * 10))
    assert comparison.decision is Decision.FAIL
    assert comparison.regressed(Part.LOCATES)[0].key == f"tier.{tier}_ms"
    assert comparison.regressed(Part.DECIDES)[0].key == "e2e_ms"


def _slower(tier_times: dict[str, float]) -> RunResult:
    """A usual run whose tiers, and requests, took this much longer."""
    more_ms = {name: value - TIER_TIMES[name] for name, value in tier_times.items()}
    samples = []
    for seq in range(100):
        usual_ms = 300.0 + 100.0 * (seq % 4)
        times_ms = vary(TIER_TIMES, seq, usual_ms)
        for name, difference_ms in more_ms.items():
            times_ms[name] += difference_ms
        latency_ms = usual_ms + sum(more_ms.values())
        samples.append(make_sample(seq, latency_ms=latency_ms, tier_times=times_ms))
    return make_run(make_recording(samples))


def tier(name: str, change: float | None, verdict: Verdict = Verdict.WORSE) -> MetricComparison:
    """A tier that took this much longer."""
    return MetricComparison(key=f"tier.{name}_ms", verdict=verdict, part=Part.LOCATES, change=change)


def test_regressions_are_sorted_by_size() -> None:
    """The largest regression of a part is first; other verdicts and parts are left out."""
    metrics = (
        MetricComparison(key="e2e_ms", verdict=Verdict.WORSE, part=Part.DECIDES, change=500.0),
        tier("a", 20.0),
        tier("b", 90.0),
        tier("c", 400.0, Verdict.UNCHANGED),
        tier("d", None),
    )
    comparison = Comparison(decision=Decision.FAIL, reasons=("…",), metrics=metrics)
    assert [row.key for row in comparison.regressed(Part.LOCATES)] == [
        "tier.b_ms",
        "tier.a_ms",
        "tier.d_ms",
    ]
    assert [row.key for row in comparison.regressed(Part.DECIDES)] == ["e2e_ms"]
    assert comparison.regressed(Part.INFORMS) == ()


def test_cancelled_requests_do_not_fail_a_run() -> None:
    """Cancelled requests at the end are not failures of the target."""
    cancelled = [make_sample(seq, outcome=Outcome.CANCELLED) for seq in range(100, 110)]
    usual_samples = [make_sample(seq, latency_ms=300.0 + 100.0 * (seq % 4)) for seq in range(100)]
    run = make_run(make_recording([*usual_samples, *cancelled]))
    assert compare(run, usual()).decision is Decision.PASS


@given(st.floats(0.5, 3.0))
@settings(max_examples=10)
def test_a_comparison_survives_json(factor: float) -> None:
    """A comparison that is written and read again is equal."""
    comparison = compare(run_at(factor, 99, requests=8), usual())
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_runs_without_requests_are_not_comparable() -> None:
    """An edited baseline without requests is inconclusive, with the count, and never a crash."""
    empty = with_runs(usual(), tuple(run.model_copy(update={"ok": 0, "failed": 0}) for run in usual().runs))
    comparison = compare(run_at(1.0, 99), empty)
    assert comparison.decision is Decision.INCONCLUSIVE
    assert "0 of the baseline's 10 runs are comparable" in comparison.reasons[0]


def test_a_run_that_looks_worse_is_suspect() -> None:
    """A run is measured again if it regressed or may have; not if it is unchanged or better."""
    baseline = make_baseline()
    assert compare(run_at(1.3), baseline).suspect
    assert compare(run_at(1.0, failed=[3, 50, 90]), baseline).suspect
    assert not compare(run_at(1.004), baseline).suspect
    assert not compare(run_at(0.7), baseline).suspect
    assert not compare(run_at(1.3), None).suspect


def test_a_confirmed_regression_fails() -> None:
    """Two slower runs fail, and the comparison names the second; no third run is necessary."""
    again = run_at(1.28, 1)
    comparison = compare(run_at(1.3), make_baseline(), again)
    assert comparison.decision is Decision.FAIL
    assert comparison.confirmed_by == again.provenance.run_id
    assert not comparison.suspect


def test_a_disturbance_is_not_confirmed() -> None:
    """A run that was slow once does not fail, and the reason has both facts."""
    comparison = compare(run_at(1.4), make_baseline(), run_at(1.0, 1))
    assert comparison.decision is not Decision.FAIL
    assert "response time looked worse, and a second run did not confirm it" in comparison.reasons


def test_failures_of_both_runs_count() -> None:
    """Success is judged by the requests of both runs, so failures of one run have half the weight."""
    baseline = make_baseline()
    once = compare(run_at(1.0, failed=[3, 50]), baseline, run_at(1.0, 1))
    twice = compare(run_at(1.0, failed=[3, 50]), baseline, run_at(1.0, 1, failed=[20, 80]))
    p_values = [
        next(row.p_value for row in comparison.metrics if row.key == "success_ratio")
        for comparison in (once, twice)
    ]
    assert p_values[0] is not None
    assert p_values[1] is not None
    assert p_values[0] > p_values[1]


def test_both_runs_must_have_the_same_direction() -> None:
    """Runs of different directions confirm neither a regression nor an improvement."""
    for one, other in ((1.6, 0.95), (0.6, 1.05)):
        comparison = compare(run_at(one), make_baseline(), run_at(other, 1))
        verdicts = {row.verdict for row in comparison.metrics if row.key == "e2e_ms"}
        assert not verdicts & {Verdict.WORSE, Verdict.BETTER}
