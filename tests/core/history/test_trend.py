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


def row(found: Trend, key: str = E2E) -> MetricTrend:
    """One metric of a trend."""
    return next(each for each in found.metrics if each.key == key)


def at(found: Trend, key: str = E2E) -> list[int]:
    """Where a metric changed."""
    return [each.position for each in row(found, key).change_points]


def only(found: Trend, key: str = E2E) -> ChangePoint:
    """A metric's one change."""
    (change,) = row(found, key).change_points
    return change


def with_pinned(factor: float = 1.0, **parts: Any) -> PinnedBaseline:
    """The anchor of a release whose runs took `factor` times the usual."""
    runs = make_baseline([factor * each for each in (1.0, 1.012, 0.991, 1.006, 0.987)], **parts).runs
    return PinnedBaseline(runs=runs, pinned_at=NOON, pinned_by="Tess Ter", reason="release 2.0")


def test_a_change_for_the_worse_is_found_with_what_came_between() -> None:
    """Place, runs, commits, both levels, ratio, p value and direction; the newest level is the new one."""
    history = make_history([1.0] * 20 + [1.2] * 20)
    found = trend(history)
    change = only(found)
    first, last = history[change.position], history[change.position - 1]
    assert abs(change.position - 20) <= 2
    assert (change.run_id, change.commit, change.started_at) == (first.run_id, first.commit, first.started_at)
    assert (change.last_run_id, change.last_commit) == (last.run_id, last.commit)
    assert change.before == pytest.approx(500, rel=0.03)
    assert change.after == pytest.approx(600, rel=0.03)
    assert change.change_ratio == pytest.approx(0.2, abs=0.03)
    assert change.p_value <= 0.001
    assert (change.worse, change.recovered) == (True, False)
    assert row(found).level == change.after
    assert row(found).level_runs == 40 - change.position
    assert found.decision is Decision.FAIL
    assert at(found, "tier.decode_ms") == pytest.approx([20], abs=2)
    assert at(found, "tier.queue_ms") == at(found, SUCCESS) == []


def test_what_becomes_better_fails_nothing() -> None:
    """It is shown as better, and the decision is a pass."""
    found = trend(make_history([1.2] * 20 + [1.0] * 20))
    assert not only(found).worse
    assert found.decision is Decision.PASS


def test_a_change_that_was_mended_fails_nothing() -> None:
    """When the newest level is no worse than the one before the change, all is well again."""
    found = trend(make_history([1.0] * 20 + [1.2] * 10 + [1.0] * 10))
    worse, better = row(found).change_points
    assert (worse.worse, worse.recovered, better.worse) == (True, True, False)
    assert found.decision is Decision.PASS


def test_a_change_that_was_half_mended_still_stands() -> None:
    """A level that went up by 40 % and came down by half of it is worse than it was."""
    found = trend(make_history([1.0] * 20 + [1.4] * 10 + [1.2] * 10))
    worse, better = row(found).change_points
    assert worse.unresolved
    assert not better.unresolved
    assert found.decision is Decision.FAIL


def test_an_old_change_is_how_things_are() -> None:
    """It is shown, and fails nothing once so many runs have followed; the window can be another."""
    history = make_history([1.0] * 15 + [1.2] * (RECENT_RUNS + 5))
    found = trend(history)
    assert only(found).worse
    assert not only(found).recent
    assert found.decision is Decision.PASS
    assert trend(history, recent=30).decision is Decision.FAIL


@settings(max_examples=8)
@given(st.permutations([E2E, "tier.decode_ms", "tier.queue_ms", "tier.agent_ms"]))
def test_the_order_of_metrics_does_not_matter(keys: list[str]) -> None:
    """However a line orders its figures, the judgement is the same."""
    history = make_history([1.0] * 10 + [1.2] * 8)
    figures = [{**each.figures, "tier.agent_ms": 3.0} for each in history]
    ordered = [
        each.model_copy(update={"figures": {key: own[key] for key in keys}})
        for each, own in zip(history, figures, strict=True)
    ]
    plain = [each.model_copy(update={"figures": own}) for each, own in zip(history, figures, strict=True)]
    assert trend(ordered) == trend(plain)


def test_success_is_looked_at_as_a_share() -> None:
    """Five in a hundred that fail from some run on are a change for the worse, in hundredths."""
    dice = [0, 1, 0, 0, 2, 0, 1, 0, 0, 0]
    history = [make_point(number, ok=100 - dice[number % 10] - 5 * (number >= 15),
                          failed=dice[number % 10] + 5 * (number >= 15)) for number in range(30)]  # fmt: skip
    found = trend(history)
    change = only(found, SUCCESS)
    assert (change.position, change.before, change.worse) == (15, 1.0, True)
    assert change.after == pytest.approx(0.95)
    assert headline(found) == "Success became worse on 2026-01-20: 100 % → 95 %."


def test_a_change_that_matters_to_nobody_is_none() -> None:
    """Clear as it is: 3 % of a response time, and 5 ms of a tier that took 10."""
    small = make_history([1.0] * 20 + [1.03] * 20)
    steady = [
        each.model_copy(
            update={
                "figures": {
                    E2E: 500.0 * (1 + 0.03 * (number >= 20)),
                    "tier.queue_ms": 10.0 + 5 * (number >= 20),
                }
            }
        )
        for number, each in enumerate(small)
    ]
    found = trend(steady)
    assert at(found) == at(found, "tier.queue_ms") == []
    assert row(found).level == pytest.approx(507.5)
    assert found.decision is Decision.PASS


def test_a_small_change_beside_a_large_one_is_taken_out() -> None:
    """Of two changes that are both sure, only the one that matters is left."""
    factors = [1.0] * 12 + [1.03] * 12 + [1.3] * 12
    exact = [make_point(number, factor) for number, factor in enumerate(factors)]
    assert at(trend(exact)) == [24]


def test_a_level_above_nothing_has_no_ratio() -> None:
    """A tier that took no time and now takes some has become worse, by no share."""
    history = [
        make_point(number, figures={E2E: 500.0, "tier.queue_ms": 30.0 * (number >= 10)})
        for number in range(20)
    ]
    change = only(trend(history), "tier.queue_ms")
    assert (change.before, change.after, change.change_ratio) == (0.0, 30.0, None)


def test_runs_of_something_else_are_left_out() -> None:
    """What does not compare with the newest run is not looked at, and the difference is named."""
    other = make_history([2.0] * 15, fingerprint=make_fingerprint(stack_digest="d" * 64))
    history = [*other, *(make_point(20 + number) for number in range(MIN_TREND_RUNS))]
    found = trend(history)
    assert (found.runs, found.left_out, found.decision) == (MIN_TREND_RUNS, 15, Decision.PASS)
    assert found.left_out_for[0].startswith("stack_digest: ")


def test_the_machine_does_not_matter_where_time_is_simulated() -> None:
    """Runs of a simulated stack on another machine compare."""
    elsewhere = [make_point(number, fingerprint=make_fingerprint(cpu_count=64)) for number in range(5)]
    assert trend([*elsewhere, make_point(9)]).runs == 6


def test_of_a_long_history_the_newest_runs_are_looked_at() -> None:
    """So that the search stays short."""
    found = trend([make_point(number) for number in range(MAX_TREND_RUNS + 20)])
    assert (found.runs, found.left_out) == (MAX_TREND_RUNS, 0)
    assert found.first_at == make_point(20).started_at


def test_too_few_runs_decide_nothing() -> None:
    """It says how many there are and how many it takes."""
    one = trend([make_point()])
    assert one.decision is Decision.INCONCLUSIVE
    assert headline(one) == f"Cannot tell: the history has 1 comparable run, {MIN_TREND_RUNS} are needed."
    few = trend(make_history([1.0] * 6 + [9.0] * 5))
    assert (few.decision, at(few)) == (Decision.INCONCLUSIVE, [])
    assert "11 runs compare" in headline(few)
    assert "bench ci history add" in next_step(few)


def test_a_metric_that_came_late_or_went_is_said() -> None:
    """Of few runs its level is known and nothing more; what the newest run lacks is named."""
    history = [make_point(number) for number in range(MIN_TREND_RUNS + 3)]
    figures = {E2E: 500.0, "tier.prefill_ms": 30.0}
    later = [make_point(20 + number, figures=figures) for number in range(4)]
    found = trend([*history, *later])
    assert found.vanished == ("tier.decode_ms", "tier.queue_ms")
    assert (row(found, "tier.prefill_ms").runs, row(found, "tier.prefill_ms").level) == (4, 30.0)
    between = [
        each.model_copy(update={"figures": {E2E: 500.0}}) if number % 3 == 0 else each
        for number, each in enumerate(make_history([1.0] * 24 + [1.3] * 24))
    ]
    change = only(trend(between), "tier.decode_ms")
    assert between[change.position].run_id == change.run_id
    assert change.position == pytest.approx(24, abs=2)


def test_drift_shows_against_the_pinned_baseline() -> None:
    """What decides is compared with the release, by the level of the newest runs; the tiers are not."""
    slower = [make_point(number, 1.3) for number in range(LEVEL_RUNS)]
    compare_with = {each.key: each for each in trend(slower, with_pinned()).against_pinned}
    assert set(compare_with) == {SUCCESS, E2E}
    assert compare_with[SUCCESS].verdict is Verdict.UNCHANGED
    assert compare_with[E2E].verdict is Verdict.REGRESSED
    assert compare_with[E2E].head == pytest.approx(650)


def test_what_crept_fails() -> None:
    """Worse than the anchor by more than the margin, without any single change: it says since when."""
    found = trend([make_point(number, 1.3) for number in range(MIN_TREND_RUNS)], with_pinned())
    assert found.decision is Decision.FAIL
    assert not found.unresolved
    assert headline(found).startswith("Drift: response time +")
    assert headline(found).endswith("since the pinned baseline of 2026-01-05.")
    assert "bench baseline pin quick" in next_step(found)


def test_an_anchor_of_something_else_says_nothing() -> None:
    """Nor do fewer runs than make a level."""
    other = with_pinned(fingerprint=make_fingerprint(work_digest="e" * 64))
    history = [make_point(number, 1.3) for number in range(MIN_TREND_RUNS)]
    assert trend(history, other).against_pinned == ()
    assert trend(history, other).pinned_at is None
    assert trend(history[: LEVEL_RUNS - 1], with_pinned()).against_pinned == ()


def test_the_worst_of_what_decides_comes_first() -> None:
    """A tier that changed by more stands behind the response time, and the others are counted."""
    found = trend(
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
    assert [each.key for each in found.unresolved] == [E2E, "tier.decode_ms", "tier.queue_ms"]
    assert headline(found) == (
        "Response time became worse on 2026-01-20: 500 ms → 600 ms (+20 %), and 2 more."
    )


def _tier(**changes: Any) -> list[HistoryPoint]:
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
    """Two commits are measured in turns; one commit on both sides points at the machine."""
    found = trend(_tier(commit=commits))
    assert said in next_step(found)
    assert headline(found) == "The tier `queue` became worse on 2026-01-21: 40 ms → 80 ms (+100 %)."


def test_nothing_happened() -> None:
    """The levels are said, and nothing is to be done."""
    found = trend(make_history([1.0] * 30))
    assert headline(found) == ("No lasting regression in 30 runs: success 100 % and response time 504 ms.")
    assert next_step(found) == "Nothing to do."
    assert commit(None) == "no commit"


def test_slower_machines_are_no_change() -> None:
    """Where controls say that the newer machines are slower, the version has not changed."""
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
    alone = [each.model_copy(update={"reference_workload": None}) for each in controlled]
    assert at(trend(alone)) == [20]
    assert at(trend(controlled)) == []
