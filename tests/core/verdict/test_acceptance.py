import pytest

from bench.core.report.report import make_report
from bench.core.run.result import RunResult
from bench.core.verdict.acceptance import check_acceptable
from bench.core.verdict.baseline import (
    MIN_RUNS,
    Baseline,
    PinnedBaseline,
    find_faults,
    pin,
    prune,
    typical_values,
)
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.noise import MetricNoise, Noise
from bench.core.verdict.verdict import Verdict
from bench.errors import ConfigError
from tests.factories import (
    NOON,
    TIER_TIMES,
    USUAL_FACTORS,
    make_baseline,
    make_fingerprint,
    make_provenance,
    run_at,
)

TODAY = make_fingerprint()


def refused(
    result: RunResult, baseline: Baseline | None, noise: Noise | None = None, **allowed: bool
) -> ConfigError:
    """Why a run may not join."""
    with pytest.raises(ConfigError) as caught:
        check_acceptable(
            baseline, result, noise, **{"allow_dirty": False, "allow_regression": False} | allowed
        )
    return caught.value


def test_a_run_of_uncommitted_changes_joins_only_when_that_is_said() -> None:
    """Nobody could measure it again; a run outside a repository is nobody's change."""
    dirty = run_at(1.0, 40, provenance=make_provenance(dirty=True))
    error = refused(dirty, None, allow_regression=True)
    assert "measured uncommitted changes" in error.message
    assert error.hint == "commit them and measure again, or use --allow-dirty"
    check_acceptable(None, dirty, allow_dirty=True, allow_regression=False)
    outside = run_at(1.0, 40, provenance=make_provenance(dirty=None))
    check_acceptable(None, outside, allow_dirty=False, allow_regression=False)


def test_a_worse_run_joins_only_when_that_is_said() -> None:
    """A baseline is not loosened unawares: the size of it is named. What is better or usual joins."""
    baseline = make_baseline()
    error = refused(run_at(1.4, 40), baseline, allow_dirty=True)
    assert "is worse than its baseline: response time +40 %" in error.message
    failing = refused(run_at(1.0, 40, failed=[3, 50, 90]), baseline)
    assert "success \u22123.0 %" in failing.message
    check_acceptable(baseline, run_at(1.4, 40), allow_dirty=False, allow_regression=True)
    for factor in (0.6, 1.0):
        check_acceptable(baseline, run_at(factor, 40), allow_dirty=False, allow_regression=False)


def test_a_worse_tier_joins_only_when_that_is_said() -> None:
    """What `bench check` fails loosens a baseline: a tier that grew, or that is not there any more."""
    grown = refused(
        run_at(1.0, 40, tier_times=TIER_TIMES | {"backend": 52.0}), make_baseline(), allow_dirty=True
    )
    assert grown.message.endswith("is worse than its baseline: the tier backend +50 ms")
    without = {tier: each for tier, each in TIER_TIMES.items() if tier != "queue"}
    gone = refused(run_at(1.0, 40, tier_times=without), make_baseline(), allow_dirty=True)
    assert gone.message.endswith("is worse than its baseline: `queue` is missing")


def test_a_run_joins_by_the_rule_that_judges_it() -> None:
    """Where noise was measured a smaller change fails a run, and so keeps it out of the baseline."""
    quiet = MetricNoise(runs=50, sd=0.01, mde_ratio=0.03)
    noise = Noise(
        scenario="quick",
        fingerprint=make_fingerprint(),
        measured_at=NOON,
        runs=50,
        alarms=0,
        alarms_low_ratio=0.0,
        alarms_high_ratio=0.07,
        metrics={"e2e_ms": quiet},
    )
    run, baseline = run_at(1.115, 40), make_baseline(USUAL_FACTORS[:5])
    assert compare(run, baseline).decision is not Decision.FAIL
    assert compare(run, baseline, noise=noise).decision is Decision.FAIL
    assert "response time" in refused(run, baseline, noise).message


def test_a_run_that_is_in_already_is_asked_nothing() -> None:
    """Accepting twice changes nothing, so nothing is refused either."""
    baseline = make_baseline()
    check_acceptable(baseline, run_at(USUAL_FACTORS[0]), allow_dirty=False, allow_regression=False)


def with_pinned(factor: float) -> Baseline:
    """A baseline that has rolled on to slower runs, with its first ones pinned."""
    pinned = pin(make_baseline(), reason="release 2.0", by="Tess Ter", at=NOON)
    return make_baseline([factor * each for each in USUAL_FACTORS]).model_copy(
        update={"pinned": pinned.pinned}
    )


def test_drift_shows_against_the_pinned_baseline() -> None:
    """A run that is as usual beside the newest runs fails when the release was faster; the report says so."""
    comparison = compare(run_at(1.25), with_pinned(1.24))
    assert {each.verdict for each in comparison.metrics if each.key == "e2e_ms"} == {Verdict.UNCHANGED}
    assert comparison.decision is Decision.FAIL
    assert "response time drifted: it regressed compared with the pinned baseline" in comparison.reasons
    assert comparison.pinned_at == NOON
    headline = make_report(run_at(1.25), comparison).headline
    assert headline.startswith("Drift: response time +25 % since the pinned baseline of 2026-01-05")


def test_creep_is_confirmed_like_any_regression() -> None:
    """A run that crept is measured again: a bad moment beside a baseline that rolled on fails nobody."""
    baseline = with_pinned(1.12)
    alone = compare(run_at(1.16), baseline)
    assert [each.key for each in alone.against_pinned if each.verdict is Verdict.REGRESSED] == ["e2e_ms"]
    assert alone.suspect
    assert compare(run_at(1.16), baseline, run_at(1.02, 1)).decision is not Decision.FAIL
    assert compare(run_at(1.16), baseline, run_at(1.15, 1)).decision is Decision.FAIL


def test_without_creep_the_anchor_is_only_shown() -> None:
    """A run that is as the release was passes, and what decides is shown beside the anchor."""
    comparison = compare(run_at(1.0), with_pinned(1.0))
    assert comparison.decision is Decision.PASS
    assert [each.key for each in comparison.against_pinned] == ["success_ratio", "e2e_ms"]


def test_an_anchor_of_another_machine_says_nothing() -> None:
    """Pinned runs that do not compare, or too few of them, are left out of it."""
    baseline = with_pinned(1.0)
    assert baseline.pinned is not None
    alien = [
        run.model_copy(update={"fingerprint": make_fingerprint(stack_digest="c" * 64)})
        for run in baseline.pinned.runs
    ]
    for runs in (alien, baseline.pinned.runs[: MIN_RUNS - 1]):
        pinned = PinnedBaseline(runs=tuple(runs), pinned_at=NOON, pinned_by="Tess Ter", reason="old")
        comparison = compare(run_at(1.0), baseline.model_copy(update={"pinned": pinned}))
        assert (comparison.against_pinned, comparison.pinned_at) == ((), None)


def test_an_anchor_needs_a_reason_and_runs_to_judge_by() -> None:
    """What nobody can explain, or nobody could be judged by, is not pinned."""
    with pytest.raises(ConfigError, match="reason for pinning the baseline is missing"):
        pin(make_baseline(), reason=" ", by="Tess Ter", at=NOON)
    with pytest.raises(ConfigError, match="a pinned baseline needs 5 runs, the baseline has 4"):
        pin(make_baseline((1.0,) * 4), reason="why", by="Tess Ter", at=NOON)


def test_pruning_keeps_the_newest_and_the_pinned_runs() -> None:
    """Old runs go, never all of them, and what was pinned stays."""
    baseline = with_pinned(1.0)
    kept = prune(baseline, 3)
    assert kept.runs == baseline.runs[-3:]
    assert kept.pinned == baseline.pinned
    with pytest.raises(ConfigError, match="keeps at least one run"):
        prune(baseline, 0)


def test_what_is_usual_is_a_value_by_metric() -> None:
    """Each metric has the mean of its figures on the scale that is compared; a slower baseline has more."""
    usual, slower = (typical_values(make_baseline([factor] * 5).runs) for factor in (1.0, 2.0))
    assert usual.keys() == slower.keys()
    assert slower["e2e_ms"] == pytest.approx(2 * usual["e2e_ms"], rel=0.03)


def test_a_good_baseline_has_no_faults() -> None:
    """One that was accepted run by run, of today's scenario, is as it should be."""
    assert find_faults(make_baseline(), TODAY) == ()


def test_every_fault_is_named() -> None:
    """Too few runs, a wrong order, and an old scenario are each said."""
    good = make_baseline()
    cases = {
        "it has 4 runs, a decision needs 5": good.runs[:4],
        "not in the order of their start": good.runs[::-1],
    }
    for said, runs in cases.items():
        (fault,) = find_faults(good.model_copy(update={"runs": tuple(runs)}), TODAY)
        assert said in fault
    (old,) = find_faults(good, make_fingerprint(work_digest="d" * 64))
    assert "changed: measure and accept again" in old
    assert find_faults(good.model_copy(update={"runs": ()}), TODAY) == ("it has 0 runs, a decision needs 5",)
