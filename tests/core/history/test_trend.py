from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.history.change_points import ChangePoint, MetricTrend
from bench.core.history.history import HistoryPoint
from bench.core.history.levels import LEVEL_RUNS, MAX_TREND_RUNS, MIN_TREND_RUNS
from bench.core.history.trend import RECENT_RUNS, Trend, trend
from bench.core.report.trend_wording import commit, headline, next_step
from bench.core.verdict.baseline import PinnedBaseline
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import Verdict
from tests.factories import (
    NOON,
    make_baseline,
    make_fingerprint,
    make_history,
    make_point,
    make_reference_workload,
)

E2E = "e2e_ms"


def row(judged: Trend, key: str = E2E) -> MetricTrend:
    """One metric of a trend."""
    return next(item for item in judged.metrics if item.key == key)


def at(judged: Trend, key: str = E2E) -> list[int]:
    """The position of a metric's first change."""
    return [item.position for item in row(judged, key).change_points]


def only(judged: Trend, key: str = E2E) -> ChangePoint:
    """The only change of a metric."""
    (change,) = row(judged, key).change_points
    return change


def pinned_baseline(factor: float = 1.0, **parts: Any) -> PinnedBaseline:
    """The pinned baseline of a release whose runs took `factor` times the usual time."""
    runs = make_baseline([factor * item for item in (1.0, 1.012, 0.991, 1.006, 0.987)], **parts).runs
    return PinnedBaseline(runs=runs, pinned_at=NOON, pinned_by="Tess Ter", reason="release 2.0")


def test_a_change_for_the_worse_has_its_commits() -> None:
    """Position, runs, commits, both levels, ratio, p value and direction of a change."""
    history = make_history([1.0] * 20 + [1.2] * 20)
    judged = trend(history)
    change = only(judged)
    first, last = history[change.position], history[change.position - 1]
    assert abs(change.position - 20) <= 2
    assert (change.run_id, change.commit, change.started_at) == (first.run_id, first.commit, first.started_at)
    assert (change.last_run_id, change.last_commit) == (last.run_id, last.commit)
    assert change.before == pytest.approx(500, rel=0.03)
    assert change.after == pytest.approx(600, rel=0.03)
    assert change.change_ratio == pytest.approx(0.2, abs=0.03)
    assert change.p_value <= 0.001
    assert (change.worse, change.recovered) == (True, False)
    assert row(judged).level == change.after
    assert row(judged).level_runs == 40 - change.position
    assert judged.decision is Decision.FAIL
    assert at(judged, "tier.decode_ms") == pytest.approx([20], abs=2)
    assert at(judged, "tier.queue_ms") == at(judged, SUCCESS) == []


def test_an_improvement_passes() -> None:
    """A change for the better is reported, and the decision is pass."""
    judged = trend(make_history([1.2] * 20 + [1.0] * 20))
    assert not only(judged).worse
    assert judged.decision is Decision.PASS


def test_a_recovered_change_passes() -> None:
    """The newest level is not worse than the level before the change."""
    judged = trend(make_history([1.0] * 20 + [1.2] * 10 + [1.0] * 10))
    worse, better = row(judged).change_points
    assert (worse.worse, worse.recovered, better.worse) == (True, True, False)
    assert judged.decision is Decision.PASS


def test_a_half_recovered_change_fails() -> None:
    """A level that rose by 40 % and fell by half of it is still worse."""
    judged = trend(make_history([1.0] * 20 + [1.4] * 10 + [1.2] * 10))
    worse, better = row(judged).change_points
    assert worse.unresolved
    assert not better.unresolved
    assert judged.decision is Decision.FAIL


def test_an_old_change_passes() -> None:
    """After enough runs, a change counts as the present state; the number of runs can be set."""
    history = make_history([1.0] * 15 + [1.2] * (RECENT_RUNS + 5))
    judged = trend(history)
    assert only(judged).worse
    assert not only(judged).recent
    assert judged.decision is Decision.PASS
    assert trend(history, recent=30).decision is Decision.FAIL


@settings(max_examples=8)
@given(st.permutations([E2E, "tier.decode_ms", "tier.queue_ms", "tier.agent_ms"]))
def test_the_order_of_metrics_does_not_matter(keys: list[str]) -> None:
    """The order of the figures in a line does not change the result."""
    history = make_history([1.0] * 10 + [1.2] * 8)
    figures = [{**item.figures, "tier.agent_ms": 3.0} for item in history]
    ordered = [
        item.model_copy(update={"figures": {key: own[key] for key in keys}})
        for item, own in zip(history, figures, strict=True)
    ]
    plain = [item.model_copy(update={"figures": own}) for item, own in zip(history, figures, strict=True)]
    assert trend(ordered) == trend(plain)


def test_success_changes_by_its_share() -> None:
    """A success ratio that falls by five percentage points is a change for the worse."""
    dice = [0, 1, 0, 0, 2, 0, 1, 0, 0, 0]
    history = [make_point(number, ok=100 - dice[number % 10] - 5 * (number >= 15),
                          failed=dice[number % 10] + 5 * (number >= 15)) for number in range(30)]  # fmt: skip
    judged = trend(history)
    change = only(judged, SUCCESS)
    assert (change.position, change.before, change.worse) == (15, 1.0, True)
    assert change.after == pytest.approx(0.95)
    assert headline(judged) == "Success became worse on 2026-01-20: 100 % → 95 %."


def test_a_small_change_is_ignored() -> None:
    """A significant change of 3 % of a response time, or of 5 ms of a tier, is ignored."""
    small = make_history([1.0] * 20 + [1.03] * 20)
    steady = [
        item.model_copy(
            update={
                "figures": {
                    E2E: 500.0 * (1 + 0.03 * (number >= 20)),
                    "tier.queue_ms": 10.0 + 5 * (number >= 20),
                }
            }
        )
        for number, item in enumerate(small)
    ]
    judged = trend(steady)
    assert at(judged) == at(judged, "tier.queue_ms") == []
    assert row(judged).level == pytest.approx(507.5)
    assert judged.decision is Decision.PASS


def test_a_small_change_next_to_a_large_one_is_removed() -> None:
    """Of two significant changes, only the one that matters remains."""
    factors = [1.0] * 12 + [1.03] * 12 + [1.3] * 12
    exact = [make_point(number, factor) for number, factor in enumerate(factors)]
    assert at(trend(exact)) == [24]


def test_a_change_from_zero_has_no_ratio() -> None:
    """A tier that took no time and now takes time became worse, without a ratio."""
    history = [
        make_point(number, figures={E2E: 500.0, "tier.queue_ms": 30.0 * (number >= 10)})
        for number in range(20)
    ]
    change = only(trend(history), "tier.queue_ms")
    assert (change.before, change.after, change.change_ratio) == (0.0, 30.0, None)


def test_runs_of_other_conditions_are_left_out() -> None:
    """Runs that are not comparable with the newest are left out, and the difference is named."""
    other = make_history([2.0] * 15, fingerprint=make_fingerprint(stack_digest="d" * 64))
    history = [*other, *(make_point(20 + number) for number in range(MIN_TREND_RUNS))]
    judged = trend(history)
    assert (judged.runs, judged.left_out, judged.decision) == (MIN_TREND_RUNS, 15, Decision.PASS)
    assert judged.left_out_for[0].startswith("stack_digest: ")


def test_simulated_runs_of_other_machines_are_comparable() -> None:
    """Runs of a simulated stack do not depend on the machine."""
    elsewhere = [make_point(number, fingerprint=make_fingerprint(cpu_count=64)) for number in range(5)]
    assert trend([*elsewhere, make_point(9)]).runs == 6


def test_only_the_newest_runs_are_searched() -> None:
    """The search of a long history is limited."""
    judged = trend([make_point(number) for number in range(MAX_TREND_RUNS + 20)])
    assert (judged.runs, judged.left_out) == (MAX_TREND_RUNS, 0)
    assert judged.first_at == make_point(20).started_at


def test_too_few_runs_are_inconclusive() -> None:
    """The headline has the present and the necessary number of runs."""
    one = trend([make_point()])
    assert one.decision is Decision.INCONCLUSIVE
    assert headline(one) == f"Cannot tell: the history has 1 comparable run, {MIN_TREND_RUNS} are needed."
    few = trend(make_history([1.0] * 6 + [9.0] * 5))
    assert (few.decision, at(few)) == (Decision.INCONCLUSIVE, [])
    assert "11 comparable runs" in headline(few)
    assert "bench ci history add" in next_step(few)


def test_new_and_vanished_metrics_are_reported() -> None:
    """A metric with few runs has only a level; a metric that the newest run lacks is named."""
    history = [make_point(number) for number in range(MIN_TREND_RUNS + 3)]
    figures = {E2E: 500.0, "tier.prefill_ms": 30.0}
    later = [make_point(20 + number, figures=figures) for number in range(4)]
    judged = trend([*history, *later])
    assert judged.vanished == ("tier.decode_ms", "tier.queue_ms")
    assert (row(judged, "tier.prefill_ms").runs, row(judged, "tier.prefill_ms").level) == (4, 30.0)
    between = [
        item.model_copy(update={"figures": {E2E: 500.0}}) if number % 3 == 0 else item
        for number, item in enumerate(make_history([1.0] * 24 + [1.3] * 24))
    ]
    change = only(trend(between), "tier.decode_ms")
    assert between[change.position].run_id == change.run_id
    assert change.position == pytest.approx(24, abs=2)


def test_drift_is_compared_with_the_pinned_baseline() -> None:
    """The newest level of the deciding metrics, without tiers, is compared with the release."""
    slower = [make_point(number, 1.3) for number in range(LEVEL_RUNS)]
    compare_with = {item.key: item for item in trend(slower, pinned_baseline()).against_pinned}
    assert set(compare_with) == {SUCCESS, E2E}
    assert compare_with[SUCCESS].verdict is Verdict.UNCHANGED
    assert compare_with[E2E].verdict is Verdict.WORSE
    assert compare_with[E2E].head == pytest.approx(650)


def test_drift_fails_a_trend() -> None:
    """A level that is worse than the pinned baseline by more than the margin fails without a change point."""
    judged = trend([make_point(number, 1.3) for number in range(MIN_TREND_RUNS)], pinned_baseline())
    assert judged.decision is Decision.FAIL
    assert not judged.unresolved
    assert headline(judged).startswith("Drift since the pinned baseline of 2026-01-05: response time is ")
    assert "bench baseline pin quick" in next_step(judged)


def test_an_incomparable_pinned_baseline_is_ignored() -> None:
    """Too few runs for a level are not compared either."""
    other = pinned_baseline(fingerprint=make_fingerprint(work_digest="e" * 64))
    history = [make_point(number, 1.3) for number in range(MIN_TREND_RUNS)]
    assert trend(history, other).against_pinned == ()
    assert trend(history, other).pinned_at is None
    assert trend(history[: LEVEL_RUNS - 1], pinned_baseline()).against_pinned == ()


def test_deciding_metrics_come_before_larger_tier_changes() -> None:
    """The response time comes before a tier with a larger change, and the others are counted."""
    judged = trend(
        [
            make_point(
                number,
                figures={
                    E2E: 500.0 + 100.0 * (number >= 15),
                    "tier.decode_ms": 100.0 + 100.0 * (number >= 15),
                    "tier.queue_ms": 100.0 + 50.0 * (number >= 15),
                },
            )
            for number in range(30)
        ]
    )
    assert [item.key for item in judged.unresolved] == [E2E, "tier.decode_ms", "tier.queue_ms"]
    assert headline(judged) == (
        "Response time became worse on 2026-01-20: 500 ms → 600 ms (+20 %); also worse: "
        "the tier `decode` and the tier `queue`."
    )


def _tier(**changes: Any) -> list[HistoryPoint]:
    """A run whose tier has this time."""
    return [
        make_point(
            number,
            figures={E2E: 500.0, "tier.queue_ms": 40.0 + 40.0 * (number >= 16)},
            **{key: value[number >= 16] for key, value in changes.items()},
        )
        for number in range(32)
    ]


@pytest.mark.parametrize(
    ("commits", "said"),
    [
        (("a" * 40, "b" * 40), "bench ab embedded@aaaaaaa embedded@bbbbbbb --scenario quick"),
        (("a" * 40, "a" * 40), "Both levels have runs of commit aaaaaaa: look at the machine"),
        ((None, "b" * 40), "Compare runs run-015 and run-016"),
        (("a" * 40, None), "Compare runs run-015 and run-016"),
    ],
)
def test_the_next_step_depends_on_the_commits(commits: tuple[str | None, str | None], said: str) -> None:
    """For two commits, measure both alternately; for one commit, check the machine."""
    judged = trend(_tier(commit=commits))
    assert said in next_step(judged)
    assert headline(judged) == "The tier `queue` became worse on 2026-01-21: 40 ms → 80 ms (+100 %)."


def test_an_unchanged_history_passes() -> None:
    """The headline has the levels, and there is no next step."""
    judged = trend(make_history([1.0] * 30))
    assert headline(judged) == ("No lasting regression in 30 runs: success 100 % and response time 504 ms.")
    assert next_step(judged) == "Nothing to do."
    assert commit(None) == "no commit"


def test_slower_machines_are_no_change() -> None:
    """If the reference workload shows slower machines, the version has not changed."""
    workload_factors = [1.0 + 0.02 * (number % 5) for number in range(20)] + [
        1.25 + 0.02 * (number % 5) for number in range(20)
    ]
    real = make_fingerprint(simulated=False)
    controlled = [
        make_point(
            number,
            workload_factor,
            fingerprint=real,
            reference_workload=make_reference_workload(workload_factor),
        )
        for number, workload_factor in enumerate(workload_factors)
    ]
    alone = [item.model_copy(update={"reference_workload": None}) for item in controlled]
    assert at(trend(alone)) == [20]
    assert at(trend(controlled)) == []
