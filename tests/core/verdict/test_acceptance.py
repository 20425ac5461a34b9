import re
from typing import Any

import pytest

from bench.core.report.report import make_report
from bench.core.run.result import RunResult
from bench.core.verdict.acceptance import AcceptedBaseline, AcceptRequest, LevelChoice, accept_all
from bench.core.verdict.baseline import (
    MIN_RUNS,
    Baseline,
    PinnedBaseline,
    baseline_path,
    find_faults,
)
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.effect import describe_effect, level_value, level_values
from bench.core.verdict.levels import pin, prune
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
    with_runs,
)

TODAY = make_fingerprint()


def accept_into(
    baseline: Baseline | None, *results: RunResult, noise: Noise | None = None, **request: Any
) -> AcceptedBaseline:
    """Add runs to a baseline; the fields of the request by name."""
    content: dict[str, Any] = {"reason": "why", "by": "Ada", "at": NOON, "allow_regression": False}
    path = baseline_path(results[0])
    accepted = accept_all(
        {path: baseline} if baseline else {},
        results,
        AcceptRequest(**content | request),
        {path: noise} if noise else {},
    )
    return accepted[path]


def refused(
    result: RunResult, baseline: Baseline | None, noise: Noise | None = None, **allowed: bool
) -> ConfigError:
    """The error of a run that may not be added."""
    with pytest.raises(ConfigError) as caught:
        accept_into(baseline, result, noise=noise, **allowed)
    return caught.value


def test_uncommitted_changes_need_a_flag() -> None:
    """A run outside a repository has no uncommitted changes."""
    dirty = run_at(1.0, 40, provenance=make_provenance(dirty=True))
    error = refused(dirty, None, allow_regression=True)
    assert "measured uncommitted changes" in error.message
    assert error.hint == "commit them and measure again, or use --allow-dirty"
    files: dict[str, Any] = {"changed_files": ("shop.py", "a b.yaml"), "more_changed_files": 3}
    named = run_at(1.0, 40, provenance=make_provenance(dirty=True, **files))
    assert refused(named, None).message.endswith("uncommitted changes of shop.py, a b.yaml and 3 more")
    assert accept_into(None, dirty, allow_dirty=True).changed
    outside = run_at(1.0, 40, provenance=make_provenance(dirty=None))
    assert accept_into(None, outside).changed


def test_a_regression_needs_a_flag() -> None:
    """The error has the size of the regression. Improved and unchanged runs need no flag."""
    baseline = make_baseline()
    error = refused(run_at(1.4, 40), baseline, allow_dirty=True)
    assert "is worse than its baseline: response time +40 %" in error.message
    failing = refused(run_at(1.0, 40, failed=[3, 50, 90]), baseline)
    assert "success \u22123.0 %" in failing.message
    assert accept_into(baseline, run_at(1.4, 40), allow_regression=True).changed
    for factor in (0.6, 1.0):
        assert accept_into(baseline, run_at(factor, 40)).changed


def test_a_tier_regression_needs_a_flag() -> None:
    """A slower tier or a missing one fails `bench check`, and is not accepted silently."""
    grown = refused(
        run_at(1.0, 40, tier_times=TIER_TIMES | {"backend": 52.0}), make_baseline(), allow_dirty=True
    )
    assert grown.message.endswith("is worse than its baseline: the tier backend +50 ms")
    without = {tier: row for tier, row in TIER_TIMES.items() if tier != "queue"}
    gone = refused(run_at(1.0, 40, tier_times=without), make_baseline(), allow_dirty=True)
    assert gone.message.endswith("is worse than its baseline: `queue` is missing")


def test_acceptance_uses_the_measured_noise() -> None:
    """With a large measured noise, a change is no regression, and needs no flag."""
    noisy = MetricNoise(runs=50, sd=0.2, detectable_ratio=0.6)
    noise = Noise(
        scenario="quick",
        fingerprint=make_fingerprint(),
        measured_at=NOON,
        runs=50,
        alarms=0,
        alarms_low_ratio=0.0,
        alarms_high_ratio=0.07,
        metrics={"e2e_ms": noisy},
    )
    run, baseline = run_at(1.115, 40), make_baseline(USUAL_FACTORS[:5])
    assert compare(run, baseline).decision is Decision.FAIL
    assert "response time" in refused(run, baseline).message
    assert compare(run, baseline, noise=noise).decision is not Decision.FAIL
    assert accept_into(baseline, run, noise=noise).changed


def test_an_accepted_run_is_not_checked_again() -> None:
    """A second acceptance changes no baseline, so it is not refused."""
    baseline = make_baseline()
    assert not accept_into(baseline, run_at(USUAL_FACTORS[0])).changed


def pinned_baseline(factor: float) -> Baseline:
    """A baseline of slower runs, with its first runs pinned."""
    pinned = pin(make_baseline(), reason="release 2.0", by="Tess Ter", at=NOON)
    return make_baseline([factor * row for row in USUAL_FACTORS]).model_copy(update={"pinned": pinned.pinned})


def test_drift_fails_against_the_pinned_baseline() -> None:
    """A run that equals the newest runs fails if the release was faster, and the report has the reason."""
    comparison = compare(run_at(1.25), pinned_baseline(1.24))
    assert {row.verdict for row in comparison.metrics if row.key == "e2e_ms"} == {Verdict.UNCHANGED}
    assert comparison.decision is Decision.FAIL
    assert "response time drifted: it is worse than in the pinned baseline" in comparison.reasons
    assert comparison.pinned_at == NOON
    headline = make_report(run_at(1.25), comparison).headline
    assert headline.startswith("Drift since the pinned baseline of 2026-01-05: response time is 25 % slower")


def test_drift_is_confirmed_like_a_regression() -> None:
    """A drifted run is measured again: a single slow run does not fail."""
    baseline = pinned_baseline(1.12)
    alone = compare(run_at(1.16), baseline)
    assert [row.key for row in alone.against_pinned if row.verdict is Verdict.WORSE] == ["e2e_ms"]
    assert alone.suspect
    assert compare(run_at(1.16), baseline, run_at(1.02, 1)).decision is not Decision.FAIL
    assert compare(run_at(1.16), baseline, run_at(1.15, 1)).decision is Decision.FAIL


def test_without_drift_the_pinned_baseline_is_shown() -> None:
    """A run as fast as the release passes, and the report compares its deciding metrics."""
    comparison = compare(run_at(1.0), pinned_baseline(1.0))
    assert comparison.decision is Decision.PASS
    assert [row.key for row in comparison.against_pinned] == ["success_ratio", "e2e_ms"]


def test_an_incomparable_pinned_baseline_is_ignored() -> None:
    """Pinned runs that are not comparable, or too few, are left out."""
    baseline = pinned_baseline(1.0)
    assert baseline.pinned is not None
    alien = [
        run.model_copy(update={"fingerprint": make_fingerprint(stack_digest="c" * 64)})
        for run in baseline.pinned.runs
    ]
    for runs in (alien, baseline.pinned.runs[: MIN_RUNS - 1]):
        pinned = PinnedBaseline(runs=tuple(runs), pinned_at=NOON, pinned_by="Tess Ter", reason="old")
        comparison = compare(run_at(1.0), baseline.model_copy(update={"pinned": pinned}))
        assert (comparison.against_pinned, comparison.pinned_at) == ((), None)


def test_a_pinned_baseline_needs_a_reason_and_runs() -> None:
    """An empty reason or too few runs are errors."""
    with pytest.raises(ConfigError, match="reason for pinning the baseline is missing"):
        pin(make_baseline(), reason=" ", by="Tess Ter", at=NOON)
    with pytest.raises(ConfigError, match="a pinned baseline needs 5 runs, the newest level has 4"):
        pin(make_baseline((1.0,) * 4), reason="why", by="Tess Ter", at=NOON)


def test_pruning_keeps_the_newest_runs_and_the_pinned_ones() -> None:
    """Old runs are removed, never all of them."""
    baseline = pinned_baseline(1.0)
    kept = prune(baseline, 3)
    assert kept.runs == baseline.runs[-3:]
    assert kept.pinned == baseline.pinned
    with pytest.raises(ConfigError, match="keeps at least one run"):
        prune(baseline, 0)


def test_the_values_of_a_level_are_by_metric() -> None:
    """Each metric has the median of its runs, without outliers; a slower level has larger values."""
    usual, slower = (level_values(make_baseline([factor] * 5).newest) for factor in (1.0, 2.0))
    assert usual.keys() == slower.keys()
    usual_ms = usual["e2e_ms"]
    assert usual_ms is not None
    assert slower["e2e_ms"] == pytest.approx(2 * usual_ms, rel=0.03)
    with_outlier = make_baseline([1.0, 1.0, 3.0, 1.0, 1.0]).newest
    assert level_value(with_outlier, "e2e_ms") == pytest.approx(usual_ms)


def test_a_good_baseline_has_no_faults() -> None:
    """A baseline of today's scenario, accepted run by run, is correct."""
    assert find_faults(make_baseline(), TODAY) == ()


def test_every_fault_is_reported() -> None:
    """Too few runs, a wrong order, and a changed scenario are faults."""
    good = make_baseline()
    cases = {
        "it has 4 runs, a decision needs 5": good.runs[:4],
        "not in the order of their start": good.runs[::-1],
    }
    for said, runs in cases.items():
        (fault,) = find_faults(with_runs(good, tuple(runs)), TODAY)
        assert said in fault
    (old,) = find_faults(good, make_fingerprint(work_digest="d" * 64))
    assert "changed: measure and accept again" in old


@pytest.mark.parametrize("factor", [1.4, 0.6])
def test_a_change_starts_a_new_level(factor: float) -> None:
    """Slower or faster: the newest level has the accepted run only, with its reason and the person."""
    before = make_baseline()
    accepted = accept_into(before, run_at(factor, 40), reason="new model", allow_regression=True)
    assert accepted.after is not None
    assert accepted.replaced == before.newest
    assert accepted.after.levels[:-1] == before.levels
    newest = accepted.after.newest
    assert (newest.reason, newest.accepted_by, newest.accepted_at) == ("new model", "Ada", NOON)
    assert [run.run_id for run in newest.runs] == [run_at(factor, 40).provenance.run_id]
    assert "e2e_ms" in accepted.moved


def test_an_unchanged_run_extends_the_newest_level() -> None:
    """The level keeps its reason; `--new-level` starts a new one."""
    before = make_baseline()
    accepted = accept_into(before, run_at(1.0, 40), reason="one more")
    assert accepted.after is not None
    assert (accepted.replaced, len(accepted.after.levels)) == (None, 1)
    assert accepted.after.newest.reason == before.newest.reason
    forced = accept_into(before, run_at(1.0, 40), level=LevelChoice.NEW)
    assert forced.replaced == before.newest


def test_the_runs_of_one_request_join_one_level() -> None:
    """A slower run and its confirmation run start one level together; first runs are one level."""
    both = accept_into(make_baseline(), run_at(1.4, 40), run_at(1.37, 41), allow_regression=True).after
    assert both is not None
    assert [len(level.runs) for level in both.levels] == [10, 2]
    first = accept_into(None, *(run_at(factor, number) for number, factor in enumerate(USUAL_FACTORS))).after
    assert first is not None
    assert [len(level.runs) for level in first.levels] == [10]


def test_a_vanished_metric_starts_a_new_level() -> None:
    """Otherwise the accepted metrics would stay missing."""
    without = {tier: row for tier, row in TIER_TIMES.items() if tier != "queue"}
    accepted = accept_into(make_baseline(), run_at(1.0, 40, tier_times=without), allow_regression=True)
    assert accepted.replaced is not None
    assert "tier.queue_ms" in accepted.moved


def test_an_older_run_of_another_level_is_refused() -> None:
    """A run from before the newest level with its values joins it; one with other values does not."""
    slower = (run_at(1.4 * factor, 40 + number) for number, factor in enumerate(USUAL_FACTORS))
    two_levels = accept_into(accept_into(None, run_at()).after, *slower, level=LevelChoice.NEW).after
    assert two_levels is not None
    joined = accept_into(two_levels, run_at(1.4, 20)).after
    assert joined is not None
    assert [len(level.runs) for level in joined.levels] == [1, 11]
    error = refused(run_at(1.0, 20), two_levels, allow_regression=True)
    assert "is older than the newest level 'why' and differs from it" in error.message
    assert error.hint == "accept a run of the present version"


def test_extending_leaves_out_worse_runs() -> None:
    """No person looked at the runs, so a regression must not become the usual level."""
    before = make_baseline()
    worse = accept_into(before, run_at(1.4, 40), run_at(1.0, 41), level=LevelChoice.EXTEND)
    assert worse.after is not None
    assert [level.runs[-1].run_id for level in worse.after.levels] == [run_at(1.0, 41).provenance.run_id]
    (sentence,) = worse.left_out
    assert "is worse than its baseline: response time +40 %" in sentence
    better = accept_into(before, run_at(0.6, 40), level=LevelChoice.EXTEND).after
    assert better is not None
    assert [len(level.runs) for level in better.levels] == [11]


def test_only_refused_runs_begin_no_baseline() -> None:
    """A suite whose only run is invalid has no baseline afterwards, and the reason is stated."""
    injected = run_at(1.0, 40, provenance=make_provenance(injections={"model.slowdown": 1.3}))
    accepted = accept_into(None, injected, level=LevelChoice.EXTEND)
    assert (accepted.after, accepted.changed) == (None, False)
    assert "has injected faults" in accepted.left_out[0]


def test_the_effect_names_the_new_level_of_each_metric_that_changes() -> None:
    """Before and after in the metric's unit, the runs of the new level, and what drift still needs."""
    accepted = accept_into(make_baseline(), run_at(1.4, 40), allow_regression=True)
    first, *metrics = describe_effect(accepted)
    assert first == "quick (embedded, simulated): new level after 'usual', 1 run"
    (response_time,) = [line for line in metrics if line.startswith("  response time:")]
    assert re.fullmatch(
        r"  response time: new level 4\d\d → 6\d\d ms, 1 run; 5 are needed for drift", response_time
    )


def test_the_effect_of_an_unchanged_run_is_small() -> None:
    """It names the level and the deciding metrics that change; a second acceptance changes nothing."""
    slower = [run_at(1.04, number) for number in range(40, 45)]
    lines = list(describe_effect(accept_into(make_baseline(), *slower)))
    assert lines[0] == "quick (embedded, simulated): the level 'usual' has 15 runs now"
    assert [line.partition(":")[0].strip() for line in lines[1:]] == ["response time"]
    again = list(describe_effect(accept_into(make_baseline(), run_at(USUAL_FACTORS[0]))))
    assert again == ["quick (embedded, simulated): no change"]
