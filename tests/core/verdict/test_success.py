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


def success(
    ok: int, failed: int, blocks: int, *, base_ok: int = 100, base_failed: int = 0
) -> MetricComparison:
    """The verdict on success beside ten runs."""
    base = Successes(10 * base_ok, 10 * base_failed, 10 * min(6, base_failed), 10)
    return judge_success(Successes(ok, failed, blocks, 1), base)


def test_failures_all_over_a_run_are_a_regression() -> None:
    """Five failures in a hundred, where a thousand had none, in three blocks: success regressed."""
    each = success(95, 5, 3)
    assert (each.key, each.verdict, each.part) == (SUCCESS, Verdict.REGRESSED, Part.DECIDES)
    assert (each.base, each.head) == (1.0, 0.95)
    assert each.change == pytest.approx(-0.05)
    assert each.p_value is not None
    assert each.p_value < 1e-3
    assert (each.change_ratio, each.mde_ratio, each.margin_ratio) == (None, None, None)


def test_failures_in_one_block_are_a_bad_moment() -> None:
    """Any number of failures in a single sixth of the run does not fail it; in two sixths it does."""
    assert success(60, 40, 1).verdict is Verdict.UNCHANGED
    assert success(60, 40, 2).verdict is Verdict.REGRESSED


def test_a_single_failure_is_chance() -> None:
    """One failure in a hundred beside none in a thousand happens."""
    assert success(99, 1, 1).verdict is Verdict.UNCHANGED
    assert success(99, 1, 6).verdict is Verdict.UNCHANGED


def test_failing_as_ever_is_unchanged() -> None:
    """A target that always fails one request in ten does not regress by doing so."""
    assert success(90, 10, 6, base_ok=90, base_failed=10).verdict is Verdict.UNCHANGED


def test_failing_less_is_an_improvement() -> None:
    """Success that grew beyond chance improved, however few the blocks."""
    each = success(100, 0, 0, base_ok=80, base_failed=20)
    assert each.verdict is Verdict.IMPROVED
    assert each.change == pytest.approx(0.2)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 6), st.integers(0, 6))
def test_success_never_regresses_and_improves_at_once(
    ok: int, failed: int, blocks: int, base_failed: int
) -> None:
    """A regression of success means fewer successes, an improvement more."""
    assume(ok + failed > 0)
    each = success(ok, failed, blocks, base_ok=6, base_failed=base_failed)
    assert each.change is not None
    if each.verdict is Verdict.REGRESSED:
        assert each.change < 0
        assert blocks >= MIN_FAILED_BLOCKS
    if each.verdict is Verdict.IMPROVED:
        assert each.change > 0


def test_a_bad_moment_in_each_of_two_runs_is_what_it_is() -> None:
    """Failures in one moment of a run, as some runs of the baseline have them, say nothing of the version."""
    base = Successes(980, 20, 2, 10)
    assert judge_success(Successes(190, 10, 2, 2), base).verdict is Verdict.UNCHANGED
    assert judge_success(Successes(180, 20, 8, 2), base).verdict is Verdict.REGRESSED


def test_successes_are_counted_over_runs() -> None:
    """Requests and the sixths with failures add up over runs, measured or accepted."""
    figures, worse = {"e2e_ms": {"a": 1.0}}, {"ok": 7, "failed": 3, "failed_blocks": 2}
    measured = count_successes([make_summary(figures, **worse), make_summary(figures, ok=5)])
    accepted = [make_accepted(figures, **worse), make_accepted(figures, ok=5)]
    assert measured == count_successes(accepted) == Successes(ok=12, failed=3, failed_blocks=2, runs=2)
    assert measured.ratio == 0.8


def failing(rng: random.Random, probability: float, requests: int = 300) -> tuple[int, int]:
    """How many requests failed, and in how many sixths of the run."""
    blocks = [6 * number // requests for number in range(requests) if rng.random() < probability]
    return len(blocks), len(set(blocks))


@pytest.mark.parametrize(
    ("before", "after", "low", "high"),
    [(0.0, 0.05, 0.98, 1.0), (0.01, 0.01, 0.0, 0.01), (0.0, 0.0, 0.0, 0.0)],
)
def test_failures_are_found_and_chance_is_not(before: float, after: float, low: float, high: float) -> None:
    """Of 300 requests 5 % fail: found in 98 %; as many as ever fail: called a regression in at most 1 %."""
    rng = random.Random(20260105)
    found = 0
    for _ in range(400):
        past = [failing(rng, before) for _ in range(10)]
        past_failed, past_blocks = (sum(each) for each in zip(*past, strict=True))
        base = Successes(3000 - past_failed, past_failed, past_blocks, 10)
        failed, blocks = failing(rng, after)
        found += judge_success(Successes(300 - failed, failed, blocks, 1), base).verdict is Verdict.REGRESSED
    assert low <= found / 400 <= high
