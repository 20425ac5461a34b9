import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.core.samples.metric import Part
from bench.core.verdict.success import (
    MIN_FAILED_BLOCKS,
    SUCCESS,
    Successes,
    count_successes,
    judge_success,
)
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.core.figures import make_accepted, make_summary
from tests.laws import VERDICT_LAW


def success(
    ok: int, failed: int, blocks: int, *, base_ok: int = 100, base_failed: int = 0
) -> MetricComparison:
    """The verdict on success against ten runs."""
    base = Successes(10 * base_ok, 10 * base_failed, 10 * min(6, base_failed), 10)
    return judge_success(Successes(ok, failed, blocks, 1), base)


def test_failures_over_the_whole_run_regress() -> None:
    """Five failures of a hundred in three blocks, against 0 of a thousand, are a regression."""
    row = success(95, 5, 3)
    assert (row.key, row.verdict, row.part) == (SUCCESS, Verdict.WORSE, Part.DECIDES)
    assert (row.base, row.head) == (1.0, 0.95)
    assert row.change == pytest.approx(-0.05)
    assert row.p_value is not None
    assert row.p_value < 1e-3
    assert (row.change_ratio, row.detectable_ratio, row.margin_ratio) == (None, None, None)


def test_failures_in_one_block_are_a_disturbance() -> None:
    """Failures in a single block do not fail a run; in two blocks they do."""
    assert success(60, 40, 1).verdict is Verdict.UNCHANGED
    assert success(60, 40, 2).verdict is Verdict.WORSE


def test_a_single_failure_is_chance() -> None:
    """One failure of a hundred, against 0 of a thousand, is not significant."""
    assert success(99, 1, 1).verdict is Verdict.UNCHANGED
    assert success(99, 1, 6).verdict is Verdict.UNCHANGED


def test_a_constant_failure_rate_is_unchanged() -> None:
    """A target that always fails one of ten requests does not regress."""
    assert success(90, 10, 6, base_ok=90, base_failed=10).verdict is Verdict.UNCHANGED


def test_fewer_failures_are_an_improvement() -> None:
    """A significantly higher success ratio improves, for every number of blocks."""
    row = success(100, 0, 0, base_ok=80, base_failed=20)
    assert row.verdict is Verdict.BETTER
    assert row.change == pytest.approx(0.2)


@VERDICT_LAW
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 6), st.integers(0, 6))
def test_success_never_regresses_and_improves_at_once(
    ok: int, failed: int, blocks: int, base_failed: int
) -> None:
    """A regression has fewer successes, an improvement has more."""
    assume(ok + failed > 0)
    row = success(ok, failed, blocks, base_ok=6, base_failed=base_failed)
    assert row.change is not None
    if row.verdict is Verdict.WORSE:
        assert row.change < 0
        assert blocks >= MIN_FAILED_BLOCKS
    if row.verdict is Verdict.BETTER:
        assert row.change > 0


def test_disturbances_of_single_runs_are_no_regression() -> None:
    """Failures in one block of a run, as some baseline runs have them, are not a change of the version."""
    base = Successes(980, 20, 2, 10)
    assert judge_success(Successes(190, 10, 2, 2), base).verdict is Verdict.UNCHANGED
    assert judge_success(Successes(180, 20, 8, 2), base).verdict is Verdict.WORSE


def test_successes_are_added_up() -> None:
    """Requests and failed blocks add up over runs, measured or accepted."""
    figures, worse = {"e2e_ms": {"a": 1.0}}, {"ok": 7, "failed": 3, "failed_blocks": 2}
    measured = count_successes([make_summary(figures, **worse), make_summary(figures, ok=5)])
    accepted = [make_accepted(figures, **worse), make_accepted(figures, ok=5)]
    assert measured == count_successes(accepted) == Successes(ok=12, failed=3, failed_blocks=2, runs=2)
    assert measured.ratio == 0.8


def failing(rng: random.Random, probability: float, requests: int = 300) -> tuple[int, int]:
    """The number of failed requests, and of blocks with a failure."""
    blocks = [6 * number // requests for number in range(requests) if rng.random() < probability]
    return len(blocks), len(set(blocks))


@pytest.mark.parametrize(
    ("before", "after", "low", "high"),
    [(0.0, 0.05, 0.98, 1.0), (0.01, 0.01, 0.0, 0.01), (0.0, 0.0, 0.0, 0.0)],
)
def test_failures_are_detected_and_chance_is_not(
    before: float, after: float, low: float, high: float
) -> None:
    """Of 300 requests 5 % fail: detected in 98 %; an unchanged rate regresses in at most 1 %."""
    rng = random.Random(20260105)
    outcome = 0
    for _ in range(400):
        past = [failing(rng, before) for _ in range(10)]
        past_failed, past_blocks = (sum(row) for row in zip(*past, strict=True))
        base = Successes(3000 - past_failed, past_failed, past_blocks, 10)
        failed, blocks = failing(rng, after)
        outcome += judge_success(Successes(300 - failed, failed, blocks, 1), base).verdict is Verdict.WORSE
    assert low <= outcome / 400 <= high
