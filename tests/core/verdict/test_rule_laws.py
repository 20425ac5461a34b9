"""Laws of both rules, for whole comparisons: any machine, any noise, and any number of runs and levels."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.run.result import RunResult
from bench.core.samples.metric import Better
from bench.core.samples.metrics import metric, sentence_name
from bench.core.samples.sample import Outcome
from bench.core.values.histogram import LOG_GROWTH
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.compare import Comparison, Decision, compare, vanished_keys
from bench.core.verdict.message_comparison import MessageComparison
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.core.verdict.worlds import (
    RANKS,
    Version,
    World,
    make_levels,
    worlds,
)

Rule = Callable[[World, int], Comparison]
RULES: Mapping[str, Rule] = {"baseline": World.compare, "pairs": World.compare_pairs}
PASSES = {Verdict.BETTER, Verdict.UNCHANGED, Verdict.WITHIN_TOLERANCE, Verdict.NEW}
FAILS = {Verdict.WORSE, Verdict.MISSING}
ROUNDING = 1e-9
THOUSAND = math.exp(345 * LOG_GROWTH)
"""A whole number of buckets of a histogram."""
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def rank(verdict: Verdict) -> int:
    """0 passes, 1 cannot tell, 2 fails."""
    return 0 if verdict in PASSES else 2 if verdict in FAILS else 1


def verdicts(comparison: Comparison) -> dict[tuple[str, ...], Verdict]:
    """The verdict of every row."""
    rows: dict[tuple[str, ...], Verdict] = {}
    for row in comparison.metrics:
        rows[row.key,] = row.verdict
    for message in comparison.messages:
        rows[message.key, message.kind, message.name] = message.verdict
    return rows


@each_rule
@settings(max_examples=25)
@given(world=worlds(), buckets=st.integers(1, 60))
def test_a_slower_head_never_gets_a_better_rank(rule: Rule, world: World, buckets: int) -> None:
    """If all times of the head are longer, no verdict moves from fail towards pass, nor does the decision."""
    usual = rule(world, 0)
    slower = rule(world, buckets)
    assert RANKS[slower.decision] >= RANKS[usual.decision]
    after = verdicts(slower)
    for name, verdict in verdicts(usual).items():
        # Holm's procedure tests a message at a weaker level if another one is worse.
        if verdict in FAILS or len(name) == 1:
            assert rank(after[name]) >= rank(verdict), name


@settings(max_examples=20)
@given(world=worlds(), seed=st.integers(0, 1000))
def test_the_order_of_runs_and_pairs_is_irrelevant(world: World, seed: int) -> None:
    """Shuffled runs within a level, and shuffled pairs, give the same verdicts."""
    dice = random.Random(seed)
    head = world.head_runs()[0]
    shuffled = [dice.sample(level, len(level)) for level in world.accepted()]
    assert verdicts(compare(head, make_levels(shuffled))) == verdicts(
        compare(head, make_levels(world.accepted()))
    )
    base, heads = world.paired_runs()
    order = dice.sample(range(world.pairs), world.pairs)
    one = compare_pairs(base, heads, heads[0], "main")
    other = compare_pairs(
        [base[place] for place in order], [heads[place] for place in order], heads[0], "main"
    )
    assert verdicts(one) == verdicts(other)


@each_rule
@settings(max_examples=20)
@given(world=worlds(), share=st.sampled_from([0.001, 0.2, 0.9]))
def test_an_unchanged_tier_changes_no_other_verdict(rule: Rule, world: World, share: float) -> None:
    """Each kind of metric has its own false-alarm rate, so more tiers make no test stricter."""
    without = world.with_tiers()
    more = world.with_tiers(share, share)
    expected = verdicts(rule(without, 0))
    found = verdicts(rule(more, 0))
    assert {name: verdict for name, verdict in found.items() if not name[0].startswith("tier.")} == expected


@each_rule
@settings(max_examples=20)
@given(world=worlds())
def test_the_unit_does_not_matter(rule: Rule, world: World) -> None:
    """If all times are about 1,000 times as long, every change and the decision stay.

    The law holds for times far above the resolution of their metric, 0.1 ms for a tier, so the responses here
    take 20 s, and the smallest tier takes 200 ms of them.
    """
    long = replace(world.version, usual_ms=tuple(20_000.0 + value for value in world.version.usual_ms))
    small = replace(world, version=long)
    large = replace(small, version=replace(long, usual_ms=tuple(THOUSAND * value for value in long.usual_ms)))
    one = rule(small, 0)
    other = rule(large, 0)
    for row, scaled in zip(one.metrics, other.metrics, strict=True):
        assert (row.key, row.change_ratio is None) == (scaled.key, scaled.change_ratio is None)
        if row.change_ratio is not None:
            assert scaled.change_ratio == pytest.approx(row.change_ratio, abs=0.01)
    assert one.decision is other.decision


@each_rule
@settings(max_examples=25)
@given(world=worlds())
def test_verdicts_intervals_points_and_reasons_agree(rule: Rule, world: World) -> None:
    """No row contradicts its numbers, and the decision follows from the rows that it names."""
    comparison = rule(world, 0)
    rows: list[MetricComparison | MessageComparison] = [*comparison.metrics, *comparison.messages]
    for row in rows:
        if row.change_ratio is not None and row.low_ratio is not None:
            check_numbers(row)
    worse = [row.key for row in comparison.metrics if row.verdict in FAILS and row.gates]
    worse += [row.key for row in comparison.messages if row.verdict in FAILS]
    if worse:
        assert comparison.decision is Decision.FAIL
        reasons = " ".join(comparison.reasons)
        for key in worse:
            assert sentence_name(key) in reasons
    elif not comparison.vanished_messages:
        assert comparison.decision is not Decision.FAIL


def check_numbers(row: MetricComparison | MessageComparison) -> None:
    """Compare a verdict with the point, the interval and the margin."""
    assert row.change_ratio is not None
    assert row.low_ratio is not None
    assert row.high_ratio is not None
    assert row.margin_ratio is not None
    assert row.low_ratio <= row.change_ratio <= row.high_ratio
    sign = 1.0 if metric(row.key).better is Better.LOWER else -1.0
    nearest = row.low_ratio if sign > 0.0 else -row.high_ratio
    farthest = row.high_ratio if sign > 0.0 else -row.low_ratio
    point = sign * row.change_ratio
    if row.verdict is Verdict.WORSE:
        assert nearest > 0.0
        assert point > row.margin_ratio * (1.0 - ROUNDING)
    elif row.verdict is Verdict.WITHIN_TOLERANCE:
        assert nearest > 0.0
    elif row.verdict is Verdict.UNCHANGED:
        assert nearest <= 0.0 <= farthest
    elif row.verdict is Verdict.BETTER:
        assert farthest < 0.0
    if row.verdict in PASSES:
        assert point <= row.margin_ratio * (1.0 + ROUNDING)


def quiet(*usual_ms: float, **parts: Any) -> World:
    """A world without noise, on one machine."""
    return World(seed=1, version=Version(usual_ms=usual_ms, noise=0.0), machine_noise=0.0, **parts)


def replace_summary(result: RunResult, **changes: object) -> RunResult:
    """The same run with another summary."""
    return result.model_copy(update={"summary": result.summary.model_copy(update=changes)})


def fail_all(result: RunResult) -> RunResult:
    """The same run if every request had failed."""
    requests = result.summary.requests
    failed = {Outcome.HTTP_ERROR: requests}
    messages = {}
    for name, use in result.summary.messages.items():
        messages[name] = use.model_copy(update={"ok": 0})
    return replace_summary(result, outcomes=failed, failed_blocks=6, metrics={}, messages=messages)


def rename_messages(result: RunResult) -> RunResult:
    """The same run with other messages."""
    metrics = {}
    for key, row in result.summary.metrics.items():
        figures = {f"other-{name}": value for name, value in row.figures.items()}
        metrics[key] = row.model_copy(update={"figures": figures})
    messages = {f"other-{name}": use for name, use in result.summary.messages.items()}
    return replace_summary(result, metrics=metrics, messages=messages)


def compare_both(world: World, change: Callable[[RunResult], RunResult]) -> list[Comparison]:
    """Compare changed runs of the head, by both rules."""
    base, heads = world.paired_runs()
    changed = [change(run) for run in heads]
    against_baseline = compare(change(world.head_runs()[0]), make_levels(world.accepted()))
    return [against_baseline, compare_pairs(base, changed, changed[0], "main")]


@pytest.mark.parametrize("usual_ms", [(700.0,), (0.004, 700.0), (0.0, 700.0)])
def test_equal_constant_times_pass(usual_ms: tuple[float, ...]) -> None:
    """Without any spread, also with one message only and with times of 0, an unchanged version passes."""
    for comparison in compare_both(quiet(*usual_ms), lambda run: run):
        assert (comparison.decision, comparison.reasons) == (Decision.PASS, ())


def test_a_head_that_fails_every_request_fails() -> None:
    """Its metrics are missing, its messages vanished, and its success ratio is 0."""
    for comparison in compare_both(quiet(700.0, 900.0), fail_all):
        assert comparison.decision is Decision.FAIL
        assert comparison.vanished_messages == ("message-0", "message-1")
        assert "e2e_ms" in vanished_keys(comparison.metrics)


def test_times_of_0_raise_no_alarm() -> None:
    """A response time of 0 has no ratio, and is not worse than itself."""
    for comparison in compare_both(quiet(0.0), lambda run: run):
        assert comparison.decision is not Decision.FAIL


def test_versions_that_fail_every_request_are_equal() -> None:
    """Nothing is compared, and nothing is worse."""
    base, heads = quiet(700.0).paired_runs()
    failed = [fail_all(run) for run in heads]
    comparison = compare_pairs([fail_all(run) for run in base], failed, failed[0], "main")
    assert comparison.decision is not Decision.FAIL


def test_a_head_without_a_common_message_fails() -> None:
    """The messages of the base got no answer."""
    for comparison in compare_both(quiet(700.0, 900.0), rename_messages):
        assert comparison.decision is Decision.FAIL
        assert comparison.vanished_messages == ("message-0", "message-1")


def test_a_vanished_metric_fails() -> None:
    """A head without times to first token does not pass."""

    def drop(run: RunResult) -> RunResult:
        metrics = {key: row for key, row in run.summary.metrics.items() if key != "ttft_ms"}
        return replace_summary(run, metrics=metrics)

    for comparison in compare_both(quiet(700.0, 900.0), drop):
        assert comparison.decision is Decision.FAIL
        assert vanished_keys(comparison.metrics) == ("ttft_ms",)


def test_an_accepted_removal_stays_accepted() -> None:
    """A tier that the newest level no longer has is neither missing nor compared."""
    world = quiet(700.0, levels=(6, 4)).with_tiers(0.5)
    older, newest = world.accepted()
    without = world.with_tiers()
    removed = without.accepted()[1]
    comparison = compare(without.head_runs()[0], make_levels([older, removed]))
    assert comparison.decision is Decision.PASS
    assert ("tier.part0_ms",) not in verdicts(comparison)
    back = compare(world.head_runs()[0], make_levels([older, removed]))
    assert verdicts(back)["tier.part0_ms",] is Verdict.NEW
    unchanged = compare(world.head_runs()[0], make_levels([older, newest]))
    assert verdicts(unchanged)["tier.part0_ms",] is not Verdict.NEW
