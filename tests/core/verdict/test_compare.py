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
)

REAL = make_fingerprint(simulated=False)
ONE_TIER = {"agent": 1.0}
CROSSED = make_spec(make_scenario(thresholds={"e2e_ms": ["p(95)<100", "avg<5000"]}))


@cache
def usual() -> Baseline:
    """Ten ordinary runs."""
    return make_baseline()


def few(*factors: float) -> Baseline:
    """Small runs with these factors and a single tier, for tests that need many of them."""
    return make_baseline(factors, tier_times=ONE_TIER, requests=4)


def verdicts(comparison: Comparison) -> dict[str, Verdict]:
    """The verdict on each metric."""
    return {each.key: each.verdict for each in comparison.metrics}


def stopped(cause: StopCause, reason: str, **parts: Any) -> RunResult:
    """A run that was broken off."""
    return make_run(make_recording(stop=Stop(cause=cause, reason=reason)), **parts)


@settings(max_examples=25)
@given(st.floats(0.7, 3.0), st.lists(st.floats(0.0, 0.5), min_size=3, max_size=4))
def test_a_run_never_fails_beside_a_baseline_around_it(factor: float, errors: list[float]) -> None:
    """compare(a, runs around a) is never FAIL, whatever the spread of those runs."""
    around = [factor * math.exp(side * error) for error in errors for side in (1.0, -1.0)]
    comparison = compare(run_at(factor, 99, tier_times=ONE_TIER, requests=4), few(*around))
    assert comparison.decision in {Decision.PASS, Decision.INCONCLUSIVE}
    assert set(verdicts(comparison).values()) <= {Verdict.UNCHANGED, Verdict.INCONCLUSIVE}


def test_a_run_passes_beside_itself() -> None:
    """compare(a, runs just like a) passes: without noise a change would have been seen."""
    comparison = compare(run_at(1.2, 99), make_baseline([1.2] * 10))
    assert comparison.decision is Decision.PASS


@pytest.mark.parametrize(
    ("factor", "decision", "verdict"),
    [
        (1.0, Decision.PASS, Verdict.UNCHANGED),
        (1.03, Decision.PASS, Verdict.UNCHANGED),
        (1.3, Decision.FAIL, Verdict.REGRESSED),
        (0.7, Decision.PASS, Verdict.IMPROVED),
    ],
)
def test_a_slowdown_fails_and_a_gain_passes(factor: float, decision: Decision, verdict: Verdict) -> None:
    """Thirty per cent slower fails the run, thirty per cent faster improves it, three per cent is noise."""
    comparison = compare(run_at(factor, 99), usual())
    assert comparison.decision is decision
    assert verdicts(comparison)["e2e_ms"] is verdict


def test_a_failed_run_says_which_metrics_regressed() -> None:
    """Each regression is one reason, what decides first."""
    comparison = compare(_slower({"queue": TIER_TIMES["queue"] + 150.0}), usual())
    assert comparison.reasons == (
        "response time regressed",
        "p95 of response time regressed",
        "`queue` regressed",
    )


def test_what_no_tier_claims_never_fails_a_run() -> None:
    """The machine has its share in the network's time, so that regresses without failing anything."""
    tier_times = {"agent": 290.0}
    comparison = compare(run_at(1.0, 99, tier_times={"agent": 20.0}), make_baseline(tier_times=tier_times))
    assert verdicts(comparison)["tier.unattributed_ms"] is Verdict.REGRESSED
    assert comparison.decision is Decision.PASS
    assert comparison.reasons == ("`agent` improved",)


def test_an_improved_run_says_what_improved() -> None:
    """A pass that is more than a pass says so."""
    assert "response time improved" in compare(run_at(0.7, 99), usual()).reasons


def test_an_unchanged_run_has_nothing_to_say() -> None:
    """A pass has no reasons, and every metric of the run beside it."""
    comparison = compare(run_at(1.0, 99), usual())
    assert comparison.reasons == ()
    assert set(verdicts(comparison)) == {
        "success_ratio",
        "e2e_ms",
        "p95.e2e_ms",
        "tier.unattributed_ms",
        *(f"tier.{name}_ms" for name in TIER_TIMES),
    }
    assert set(verdicts(comparison).values()) == {Verdict.UNCHANGED}


def test_swapping_sides_swaps_the_verdict() -> None:
    """What fails beside the usual makes the usual an improvement beside it."""
    slow = make_baseline([1.3 * factor for factor in (1.0, 1.01, 0.99, 1.005, 0.995, 1.0, 1.01, 0.99)])
    there = verdicts(compare(run_at(1.3, 99), usual()))["e2e_ms"]
    back = verdicts(compare(run_at(1.0, 99), slow))["e2e_ms"]
    assert (there, back) == (Verdict.REGRESSED, Verdict.IMPROVED)


def test_a_comparison_says_what_it_was_made_with() -> None:
    """The number of runs and the commit of the newest stand in the comparison."""
    comparison = compare(run_at(1.0, 99), usual())
    assert comparison.baseline_runs == 10
    assert comparison.newest_baseline_commit == "c" * 40


def test_without_a_baseline_nothing_is_decided() -> None:
    """The first run of a scenario is inconclusive, and so is one beside an empty baseline."""
    said = ("there is no baseline for this scenario and environment yet",)
    empty = usual().model_copy(update={"runs": ()})
    for baseline in (None, empty):
        comparison = compare(run_at(3.0), baseline)
        assert comparison == Comparison(decision=Decision.INCONCLUSIVE, reasons=said)


@pytest.mark.parametrize(("count", "decision"), [(1, "inconclusive"), (4, "inconclusive"), (5, "pass")])
def test_five_runs_are_needed(count: int, decision: str) -> None:
    """Fewer than five runs cannot tell noise from change."""
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
        ("cpu_model", "Other CPU"),
        ("cpu_count", 64),
        ("stack", "compose"),
        ("stack_digest", "d" * 64),
        ("work_digest", "e" * 64),
    ],
)
def test_what_was_measured_elsewhere_or_otherwise_is_not_compared(field: str, other: Any) -> None:
    """Another machine, stack or load is inconclusive with what differs, however slow the run was."""
    run = run_at(3.0, 99, fingerprint=REAL.model_copy(update={field: other}))
    comparison = compare(run, make_baseline([1.0] * 5, fingerprint=REAL))
    ends = [str(each)[:9] if "digest" in field else each for each in (getattr(REAL, field), other)]
    differs = f"the newest differs in {field}: {ends[0]} → {ends[1]}"
    said = f"0 of the baseline's 5 runs are comparable, 5 are needed; {differs}"
    assert comparison == Comparison(decision=Decision.INCONCLUSIVE, reasons=(said,))


def test_simulated_runs_of_other_machines_compare() -> None:
    """Where time is simulated another machine changes nothing."""
    run = run_at(1.3, 99, fingerprint=make_fingerprint(cpu_model="Other CPU", cpu_count=64))
    assert compare(run, usual()).decision is Decision.FAIL


def test_only_comparable_runs_are_compared_with() -> None:
    """Runs of an older load stay in the baseline and are passed over."""
    older = make_baseline([9.0] * 6, fingerprint=make_fingerprint(work_digest="e" * 64))
    mixed = usual().model_copy(update={"runs": (*older.runs, *usual().runs)})
    comparison = compare(run_at(1.0, 99), mixed)
    assert (comparison.decision, comparison.baseline_runs) == (Decision.PASS, 10)


def test_too_few_comparable_runs_after_a_change_need_no_more_said() -> None:
    """Where the newest run is comparable only the count is missing."""
    older = make_baseline([1.0] * 6, fingerprint=make_fingerprint(work_digest="e" * 64))
    mixed = usual().model_copy(update={"runs": (*older.runs, *usual().runs[:2])})
    said = "2 of the baseline's 8 runs are comparable, 5 are needed"
    assert compare(run_at(1.0, 99), mixed).reasons == (said,)


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_an_invalid_run_is_invalid_whatever_its_numbers(factor: float) -> None:
    """A run that cannot be believed is neither red nor green."""
    samples = [make_sample(seq, sent_s=seq * 0.3 + 0.2, latency_ms=500 * factor) for seq in range(100)]
    run = make_run(make_recording(samples), spec=CROSSED)
    comparison = compare(run, usual())
    assert comparison == Comparison(decision=Decision.INVALID, reasons=run.validity.reasons)
    assert "the load generator was late" in comparison.reasons[0]


def test_an_interrupted_run_is_invalid() -> None:
    """A run that somebody broke off says nothing."""
    comparison = compare(stopped(StopCause.INTERRUPT, "Ctrl-C"), usual())
    assert comparison.decision is Decision.INVALID
    assert comparison.reasons == ("the run ended early: Ctrl-C",)


def test_a_run_that_ended_early_is_not_compared() -> None:
    """A threshold that stopped the run and holds by its end leaves it inconclusive."""
    comparison = compare(stopped(StopCause.THRESHOLD, "threshold e2e_ms avg<1 was crossed (2)"), usual())
    said = "the run ended early and was not compared: threshold e2e_ms avg<1 was crossed (2)"
    assert comparison == Comparison(decision=Decision.INCONCLUSIVE, reasons=(said,))


def test_a_run_that_a_threshold_stopped_fails() -> None:
    """A crossed threshold fails a run that ended early, and both are said."""
    comparison = compare(stopped(StopCause.THRESHOLD, "too slow", spec=CROSSED), usual())
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons == (
        "threshold crossed: e2e_ms p(95)<100",
        "the run ended early and was not compared: too slow",
    )


def test_a_crossed_threshold_fails_without_a_baseline() -> None:
    """Limits hold whatever the baseline says, also when there is none."""
    comparison = compare(run_at(spec=CROSSED), None)
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons[0] == "threshold crossed: e2e_ms p(95)<100"


def test_a_crossed_threshold_fails_a_run_that_did_not_change() -> None:
    """What was never good enough does not pass for being as usual."""
    comparison = compare(run_at(1.0, 99, spec=CROSSED), usual())
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons == ("threshold crossed: e2e_ms p(95)<100",)
    assert set(verdicts(comparison).values()) == {Verdict.UNCHANGED}


def test_a_tier_that_vanished_fails_the_run() -> None:
    """What the baseline has and the run lacks blocks: a tier without a time may be one without work."""
    tier_times = {name: value for name, value in TIER_TIMES.items() if name != "auth"}
    comparison = compare(run_at(1.0, 99, tier_times=tier_times), usual())
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons == ("missing, but the baseline has it: `auth`",)
    assert verdicts(comparison)["tier.auth_ms"] is Verdict.MISSING


def test_tiers_that_vanished_are_one_reason() -> None:
    """Where no tier speaks any more all of them are named together, and the network is not among them."""
    spec = make_spec(make_scenario(thresholds={}))
    samples = [make_sample(seq, latency_ms=300.0 + 100.0 * (seq % 4), tier_times={}) for seq in range(100)]
    comparison = compare(make_run(make_recording(samples), spec=spec), usual())
    named = ", ".join(f"`{name}`" for name in sorted(TIER_TIMES))
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons == (f"missing, but the baseline has it: {named}",)
    assert verdicts(comparison)["tier.unattributed_ms"] is Verdict.MISSING


def test_a_new_tier_passes() -> None:
    """A tier that the baseline does not know is new, and nothing to fail for."""
    comparison = compare(run_at(1.0, 99, tier_times=TIER_TIMES | {"cache": 1.0}), usual())
    assert comparison.decision is Decision.PASS
    assert verdicts(comparison)["tier.cache_ms"] is Verdict.NEW


def test_a_run_in_which_everything_failed_fails() -> None:
    """Without any success there is no latency: success regressed and everything else is missing."""
    comparison = compare(run_at(1.0, 99, failed=range(100)), usual())
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons[:2] == (
        "threshold crossed: e2e_ms p(95)<5000",
        "threshold crossed: success_ratio rate>0.95",
    )
    assert verdicts(comparison)["success_ratio"] is Verdict.REGRESSED
    assert verdicts(comparison)["e2e_ms"] is Verdict.MISSING


def test_a_noisy_baseline_leaves_the_run_undecided() -> None:
    """Where only a large change could have been seen that is said with its size, never as a pass."""
    comparison = compare(run_at(1.0, 99), make_baseline([0.7, 1.43] * 5))
    assert comparison.decision is Decision.INCONCLUSIVE
    (each,) = [each for each in comparison.metrics if each.key == "e2e_ms"]
    assert each.verdict is Verdict.INCONCLUSIVE
    assert each.mde_ratio is not None
    seen = wording.change(each.mde_ratio)
    said = f"response time: only a change of {seen} or more is detectable, +20 % is required"
    assert comparison.reasons == (said,)


def test_the_fewest_runs_that_are_compared_can_pass() -> None:
    """Five runs without any noise are enough to pass."""
    assert compare(run_at(1.0, 99), make_baseline([1.0] * MIN_RUNS)).decision is Decision.PASS


def test_a_noisy_tier_leaves_nothing_undecided() -> None:
    """A tier only locates: when it cannot be judged the response time still can."""
    baseline = usual()
    noisy = [
        run.model_copy(
            update={"figures": run.figures | {"tier.decode_ms": {"greeting": 400.0 * (1 + number % 2)}}}
        )
        for number, run in enumerate(baseline.runs)
    ]
    comparison = compare(run_at(1.0, 99), baseline.model_copy(update={"runs": tuple(noisy)}))
    assert verdicts(comparison)["tier.decode_ms"] is Verdict.INCONCLUSIVE
    assert comparison.decision is Decision.PASS


def test_a_baseline_of_failures_has_too_little_data() -> None:
    """Where most of the baseline's runs have no response time that of a run is not judged."""
    mixed = usual().model_copy(update={"runs": (*without_success().runs[:6], *usual().runs[6:])})
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
def test_failures_count_when_they_are_spread(failed: Sequence[int], decision: Decision) -> None:
    """Five failures in a row are one bad moment; five all over the run are a regression."""
    spec = make_spec(make_scenario(thresholds={}))
    assert compare(run_at(1.0, 99, failed=failed, spec=spec), usual()).decision is decision


def test_a_scenarios_tolerances_widen_the_margin() -> None:
    """A scenario that tolerates half as much again does not fail for thirty per cent."""
    tolerances = {key: {"margin_ratio": 1.5} for key in ("e2e_ms", "tier.unattributed_ms")}
    spec = make_spec(make_scenario(tolerances=tolerances | {"tier.unattributed_ms": {"margin_ratio": 9}}))
    assert compare(run_at(1.3, 99, spec=spec), usual()).decision is Decision.PASS


@pytest.mark.parametrize("tier", ["queue", "decode"])
def test_the_tier_that_grew_is_named(tier: str) -> None:
    """A tier that takes 150 ms longer, and nothing else, is where the slowdown is."""
    slower = _slower({tier: TIER_TIMES[tier] + 150.0})
    comparison = compare(slower, make_baseline([1.0] * 10))
    assert comparison.decision is Decision.FAIL
    assert [each.key for each in comparison.slower_tiers()] == [f"tier.{tier}_ms"]
    assert comparison.regressed(Part.LOCATES)[0].key == f"tier.{tier}_ms"
    assert comparison.regressed(Part.DECIDES)[0].key == "e2e_ms"


def _slower(tier_times: dict[str, float]) -> RunResult:
    """A usual run whose tiers, and so each request, took as much longer as these say."""
    more_ms = sum(value - TIER_TIMES[name] for name, value in tier_times.items())
    samples = [
        make_sample(seq, latency_ms=300.0 + 100.0 * (seq % 4) + more_ms, tier_times=TIER_TIMES | tier_times)
        for seq in range(100)
    ]
    return make_run(make_recording(samples))


def tier(name: str, change: float | None, verdict: Verdict = Verdict.REGRESSED) -> MetricComparison:
    """A tier that took that much longer."""
    return MetricComparison(key=f"tier.{name}_ms", verdict=verdict, part=Part.LOCATES, change=change)


def slower_tiers(*metrics: MetricComparison) -> list[str]:
    """Keys of the tiers that make up the growth."""
    comparison = Comparison(decision=Decision.FAIL, reasons=("…",), metrics=metrics)
    return [each.key for each in comparison.slower_tiers()]


def test_tiers_that_make_up_the_growth_are_named_largest_first() -> None:
    """Each tier with a fifth of the growth or more is named, whether or not it regressed by itself."""
    tiers = [tier("a", 60.0, Verdict.UNCHANGED), tier("b", 140.0), tier("c", 30.0)]
    assert slower_tiers(*tiers) == ["tier.b_ms", "tier.a_ms"]


def test_tiers_that_hardly_grew_are_not_named() -> None:
    """A growth of less than ten milliseconds, a gain and a tier without a comparison are not the cause."""
    tiers = [tier("a", 9.9), tier("b", -300.0, Verdict.IMPROVED), tier("c", None, Verdict.NEW)]
    assert slower_tiers(*tiers) == []
    assert slower_tiers(*tiers, tier("d", 10.0)) == ["tier.d_ms"]


def test_what_is_no_tier_is_not_named_as_one() -> None:
    """The response time as a whole is not where the time went."""
    whole = MetricComparison(key="e2e_ms", verdict=Verdict.REGRESSED, part=Part.DECIDES, change=500.0)
    assert slower_tiers(whole, tier("a", 60.0)) == ["tier.a_ms"]


def test_regressions_are_given_by_part_and_size() -> None:
    """The largest regression of a part stands first; other verdicts and parts are left out."""
    metrics = (
        MetricComparison(key="e2e_ms", verdict=Verdict.REGRESSED, part=Part.DECIDES, change=500.0),
        tier("a", 20.0),
        tier("b", 90.0),
        tier("c", 400.0, Verdict.UNCHANGED),
        tier("d", None),
    )
    comparison = Comparison(decision=Decision.FAIL, reasons=("…",), metrics=metrics)
    assert [each.key for each in comparison.regressed(Part.LOCATES)] == [
        "tier.b_ms",
        "tier.a_ms",
        "tier.d_ms",
    ]
    assert [each.key for each in comparison.regressed(Part.DECIDES)] == ["e2e_ms"]
    assert comparison.regressed(Part.INFORMS) == ()


def test_what_we_cancelled_does_not_fail_a_run() -> None:
    """Requests that we took back at the end are no failures of the target."""
    cancelled = [make_sample(seq, outcome=Outcome.CANCELLED) for seq in range(100, 110)]
    usual_samples = [make_sample(seq, latency_ms=300.0 + 100.0 * (seq % 4)) for seq in range(100)]
    run = make_run(make_recording([*usual_samples, *cancelled]))
    assert compare(run, usual()).decision is Decision.PASS


@given(st.floats(0.5, 3.0))
@settings(max_examples=10)
def test_a_comparison_survives_json(factor: float) -> None:
    """A comparison that is written and read again is the same."""
    comparison = compare(run_at(factor, 99, requests=8), usual())
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_a_run_without_any_request_is_no_run_to_compare_with() -> None:
    """A baseline that was edited to hold nothing is inconclusive, with the count, and never a crash."""
    empty = usual().model_copy(
        update={"runs": tuple(run.model_copy(update={"ok": 0, "failed": 0}) for run in usual().runs)}
    )
    comparison = compare(run_at(1.0, 99), empty)
    assert comparison.decision is Decision.INCONCLUSIVE
    assert "0 of the baseline's 10 runs are comparable" in comparison.reasons[0]


def test_what_looks_worse_is_suspect() -> None:
    """A run is worth measuring again when it regressed, or may have; not when it is as usual or better."""
    baseline = make_baseline()
    assert compare(run_at(1.3), baseline).suspect
    assert compare(run_at(1.0, failed=[3, 50, 90]), baseline).suspect
    assert not compare(run_at(1.004), baseline).suspect
    assert not compare(run_at(0.7), baseline).suspect
    assert not compare(run_at(1.3), None).suspect


def test_a_regression_that_a_second_run_agrees_on_stands() -> None:
    """Two runs that are slower fail, and the comparison names the second one; it asks for no third."""
    again = run_at(1.28, 1)
    comparison = compare(run_at(1.3), make_baseline(), again)
    assert comparison.decision is Decision.FAIL
    assert comparison.confirmed_by == again.provenance.run_id
    assert not comparison.suspect


def test_a_bad_moment_is_not_confirmed() -> None:
    """A run that was slow once, and as usual the next time, fails nobody; that it looked so is said."""
    comparison = compare(run_at(1.4), make_baseline(), run_at(1.0, 1))
    assert comparison.decision is not Decision.FAIL
    assert "response time looked worse, and a second run did not confirm it" in comparison.reasons


def test_failures_of_both_runs_count() -> None:
    """Success is judged on the requests of both: failures that do not come back weigh half."""
    baseline = make_baseline()
    once = compare(run_at(1.0, failed=[3, 50]), baseline, run_at(1.0, 1))
    twice = compare(run_at(1.0, failed=[3, 50]), baseline, run_at(1.0, 1, failed=[20, 80]))
    p_values = [
        next(each.p_value for each in comparison.metrics if each.key == "success_ratio")
        for comparison in (once, twice)
    ]
    assert p_values[0] is not None
    assert p_values[1] is not None
    assert p_values[0] > p_values[1]


def test_both_runs_must_lie_on_the_same_side() -> None:
    """Runs that disagree on the direction confirm neither a regression nor an improvement."""
    for one, other in ((1.6, 0.95), (0.6, 1.05)):
        comparison = compare(run_at(one), make_baseline(), run_at(other, 1))
        verdicts = {each.verdict for each in comparison.metrics if each.key == "e2e_ms"}
        assert not verdicts & {Verdict.REGRESSED, Verdict.IMPROVED}
