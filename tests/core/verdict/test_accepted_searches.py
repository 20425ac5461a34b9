"""The verdict on the safe load of a capacity search."""

import random

import pytest

from bench.core.capacity.load_trial import SearchEnd
from bench.core.limits.tolerance import Tolerance
from bench.core.run.result import RunResult
from bench.core.samples.cost_metrics import SAFE_LOAD, SAFE_RATE
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.verdict import MetricComparison, Verdict
from benchmarks.verdicts.searches import CELLS, check
from tests.factories import make_fingerprint, make_reference_workload
from tests.searches import Interval, accept_searches, head_at, make_search

NARROW: tuple[Interval, ...] = ((17, 16, 18),) * 3


def judge(head: Interval | None, base: tuple[Interval | None, ...] = NARROW) -> MetricComparison:
    """The row of the safe load."""
    (row,) = compare(head_at(head), accept_searches(base)).metrics
    return row


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        ((17, 16, 18), Verdict.UNCHANGED),
        ((16, 15, 17), Verdict.UNCHANGED),
        ((14, 13, 15), Verdict.WORSE),
        ((9, 8, 10), Verdict.WORSE),
        ((22, 21, 23), Verdict.BETTER),
        ((15, 10, 20), Verdict.INCONCLUSIVE),
        (None, Verdict.WORSE),
    ],
)
def test_the_safe_load_has_the_verdicts_of_other_metrics(head: Interval | None, verdict: Verdict) -> None:
    """A loss beyond the tolerance and not by chance is worse; one user less is within the tolerance."""
    assert judge(head).verdict is verdict


def test_one_user_less_is_never_worse() -> None:
    """Loads are whole users, so that one user less is tolerated, however exact the searches are."""
    row = judge((2, 2, 2), ((3, 3, 3),) * 10)
    assert row.verdict is not Verdict.WORSE
    assert judge((1, 1, 1), ((3, 3, 3),) * 10).verdict is Verdict.WORSE


def test_one_accepted_search_is_enough() -> None:
    """A search states its own error; latencies need five accepted runs."""
    comparison = compare(head_at((10, 9, 11)), accept_searches(((17, 16, 18),)))
    assert comparison.decision is Decision.FAIL
    assert comparison.baseline_runs == 1


def test_only_the_safe_load_is_compared() -> None:
    """A search tries other loads in each run, so its response times and messages mean nothing to another."""
    slow = make_search((17, 15, 19), 48, factor=3.0)
    comparison = compare(slow, accept_searches())
    assert comparison.decision is Decision.PASS
    assert [row.key for row in comparison.metrics] == [SAFE_LOAD]
    assert not comparison.messages
    assert not comparison.counters
    assert not comparison.work


@pytest.mark.parametrize(
    ("head", "base", "verdict"),
    [
        ((40, 38, None), (40, 38, None), Verdict.UNCHANGED),
        ((24, 23, None), (17, 16, 18), Verdict.BETTER),
        ((14, 13, None), (17, 16, 18), Verdict.INCONCLUSIVE),
        ((30, 29, 31), (40, 39, None), Verdict.WORSE),
        ((60, 58, 62), (40, 39, None), Verdict.INCONCLUSIVE),
        ((30, 29, None), (40, 39, None), Verdict.INCONCLUSIVE),
        (None, None, Verdict.UNCHANGED),
        ((7, 6, 8), None, Verdict.BETTER),
        (None, (17, 16, None), Verdict.WORSE),
    ],
)
def test_a_bound_shows_a_change_on_its_closed_side_only(
    head: Interval | None, base: Interval | None, verdict: Verdict
) -> None:
    """A search without a broken load, or without a met one, proves no more than that."""
    assert judge(head, (base,) * 2).verdict is verdict


def test_a_search_without_an_answer_has_no_verdict() -> None:
    """A search that was interrupted proves nothing, also if it tried loads."""
    run = head_at((17, 15, 19), changes={"ended": SearchEnd.INTERRUPTED})
    comparison = compare(run, accept_searches())
    assert comparison.decision is Decision.INCONCLUSIVE
    assert "ended before it had an answer" in comparison.reasons[0]


def test_a_declared_tolerance_counts_in_both_units() -> None:
    """`tolerances: {safe_load: 30%}` covers users and requests per second."""
    users = {"safe_load": Tolerance(ratio=0.5)}
    assert compare(head_at((12, 11, 13), tolerances=users), accept_searches(NARROW)).decision is Decision.PASS
    rates: tuple[Interval, ...] = ((8.0, 7.8, 8.2),) * 3
    base = accept_searches(rates, "requests/s")
    head: Interval = (6.0, 5.8, 6.2)
    assert compare(head_at(head, "requests/s"), base).decision is Decision.FAIL
    tolerant = compare(head_at(head, "requests/s", tolerances=users), base)
    assert tolerant.decision is Decision.PASS
    assert [row.key for row in tolerant.metrics] == [SAFE_RATE]


def test_a_confirmation_run_must_show_the_loss_too() -> None:
    """The mean of two searches is tested, and each of them must show the loss."""
    base = accept_searches(NARROW)
    first = head_at((14, 13, 15))
    confirmed = compare(first, base, make_search((14, 13, 15), 49))
    assert confirmed.decision is Decision.FAIL
    unconfirmed = compare(first, base, make_search((17, 16, 18), 49))
    assert unconfirmed.decision is not Decision.FAIL


def test_a_slower_machine_makes_a_loss_inconclusive() -> None:
    """A machine that is as much slower as the loss explains it; a larger loss it does not."""
    real = make_fingerprint(simulated=False)

    def search_on(head: Interval, slowness: float, number: int = 48) -> RunResult:
        run = make_search(head, number, fingerprint=real)
        return run.model_copy(update={"reference_workload": make_reference_workload(slowness)})

    base = accept_searches(runs=[search_on((17, 16, 18), 1.0, number) for number in range(5)])
    assert compare(search_on((12, 11, 13), 1.0), base).decision is Decision.FAIL
    assert compare(search_on((13, 12, 14), 1.3), base).decision is Decision.INCONCLUSIVE
    assert compare(search_on((7, 6, 8), 1.3), base).decision is Decision.FAIL


def test_the_error_rates_are_those_of_the_pages() -> None:
    """An unchanged stack hardly ever fails, and a loss of 35 % of its users nearly always does."""
    dice = random.Random(21)
    cell = CELLS[0]
    unchanged = [check(cell, 0.0, dice).verdict for _ in range(150)]
    lost = [check(cell, 0.35, dice).verdict for _ in range(60)]
    assert unchanged.count(Verdict.WORSE) <= 6
    assert lost.count(Verdict.WORSE) >= 50
