"""Laws of an accepted change: the same change passes in new pairs, and a further one fails."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.run.result import RunResult
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.acceptance import describe_change
from bench.core.verdict.accepted_change import AcceptedChange
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.core.verdict.worlds import Version, World, worlds

SLOWER = World(
    seed=1,
    version=Version(usual_ms=(500.0, 900.0, 2000.0), tiers=(0.5, 0.3), noise=0.02),
    change=1.3,
    pairs=6,
)
SEEDS = range(2, 12)


def compare_again(base: Sequence[RunResult], head: Sequence[RunResult], change: AcceptedChange) -> Comparison:
    """Return the comparison of pairs after the acceptance of a change."""
    return compare_pairs(base, head, head[0], "main", accepted=change)


def accept(world: World) -> AcceptedChange:
    """Return the change that a person accepts after the pairs of a world."""
    change = describe_change(world.compare_pairs())
    assert change is not None
    return change


def test_an_accepted_change_passes_in_new_pairs() -> None:
    """A version that was 30 % slower when it was accepted passes in ten new measurements of it."""
    change = accept(SLOWER)
    assert change.changes["e2e_ms"] == pytest.approx(0.3, abs=0.1)
    for seed in SEEDS:
        again = replace(SLOWER, seed=seed)
        assert again.compare_pairs().decision is Decision.FAIL
        tolerant = compare_again(*again.paired_runs(), change)
        assert tolerant.decision is Decision.PASS
        (row,) = [row for row in tolerant.metrics if row.key == "e2e_ms"]
        assert row.verdict in {Verdict.UNCHANGED, Verdict.WITHIN_TOLERANCE, Verdict.BETTER}


def test_a_percentile_with_too_few_requests_is_accepted_with_its_metric() -> None:
    """More pairs can show a percentile that the accepted pairs could not; the change still passes."""
    shown = SLOWER.compare_pairs()
    short = [
        MetricComparison(key=row.key, verdict=Verdict.INCONCLUSIVE, part=row.part, doubt="too few requests")
        if row.key == "p95.e2e_ms"
        else row
        for row in shown.metrics
    ]
    change = describe_change(shown.model_copy(update={"metrics": tuple(short)}))
    assert change is not None
    assert change.changes["p95.e2e_ms"] == change.changes["e2e_ms"]
    for seed in SEEDS:
        again = replace(SLOWER, seed=seed)
        assert compare_again(*again.paired_runs(), change).decision is Decision.PASS


def test_a_further_slowdown_fails() -> None:
    """A version that became 20 % slower than the accepted one fails in each of ten measurements."""
    change = accept(SLOWER)
    for seed in SEEDS:
        worse = replace(SLOWER, seed=seed, change=1.3 * 1.2)
        assert compare_again(*worse.paired_runs(), change).decision is Decision.FAIL


def test_a_change_of_another_metric_is_not_accepted() -> None:
    """The tolerance of the response time does not cover a tier that was unchanged when it was accepted."""
    change = AcceptedChange(changes={"e2e_ms": 0.3, "ttft_ms": 0.3})
    tolerant = compare_again(*SLOWER.paired_runs(), change)
    assert tolerant.decision is Decision.FAIL
    assert {row.key for row in tolerant.metrics if row.verdict is Verdict.WORSE} >= {"tier.part0_ms"}


@settings(max_examples=20)
@given(world=worlds(), share=st.floats(0.01, 20.0))
def test_an_accepted_change_never_fails_a_run(world: World, share: float) -> None:
    """A head that passes without it does not fail with it."""
    base, head = world.paired_runs()
    usual = compare_pairs(base, head, head[0], "main")
    messages: dict[str, dict[str, float]] = {}
    for row in usual.messages:
        messages.setdefault(row.key, {})[f"{row.kind}.{row.name}"] = share
    change = AcceptedChange(changes={row.key: share for row in usual.metrics}, messages=messages)
    if usual.decision is not Decision.FAIL:
        assert compare_again(base, head, change).decision is not Decision.FAIL


def test_an_absent_tier_can_be_accepted() -> None:
    """The head has one tier less: this fails until it is accepted."""
    base, _ = SLOWER.paired_runs()
    _, head = replace(SLOWER, change=1.0).with_tiers(0.5).paired_runs()
    usual = compare_pairs(base, head, head[0], "main")
    assert usual.decision is Decision.FAIL
    change = describe_change(usual)
    assert change is not None
    assert change.missing == ("tier.part1_ms",)
    assert change.sentence == "no tier.part1_ms"
    assert compare_again(base, head, change).decision is Decision.PASS


def test_pairs_without_a_change_for_the_worse_accept_nothing() -> None:
    """A pass has no accepted change, and neither has a comparison with a baseline."""
    assert describe_change(replace(SLOWER, change=1.0).compare_pairs()) is None
    assert describe_change(replace(SLOWER, change=0.7).compare_pairs()) is None
    assert describe_change(SLOWER.compare()) is None


def test_the_sentence_names_the_deciding_metrics() -> None:
    """Tiers and messages follow from them; without a deciding metric, they are named."""
    change = AcceptedChange(changes={"e2e_ms": 0.28, "tier.decode_ms": 0.4})
    assert change.sentence == "response time +28 %"
    assert (
        AcceptedChange(messages={"e2e_ms": {"message.greeting": 2.0}}).sentence == "message greeting +200 %"
    )
