"""The paired rule: its estimate, its looks, its messages, and laws for all numbers."""

import math
import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.limits.tolerance import MESSAGE_RATIO
from bench.core.run.messages import MessageUse
from bench.core.run.summary import RunSummary
from bench.core.samples.metric import Part
from bench.core.verdict.compare import Comparison, Decision, decide
from bench.core.verdict.message_comparison import JudgedRows, MessageComparison, MessageKind
from bench.core.verdict.paired_runs import judge_paired_runs
from bench.core.verdict.pairs import PAIR_PRIOR_SD
from bench.core.verdict.stopping import MAX_PAIRS, MIN_PAIRS, StopReason, next_step, share_of_look
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.core.watch.resources import ResourceSummary
from tests.core.figures import make_summary

MESSAGES = tuple(f"message-{number}" for number in range(13))
LONG = MESSAGES[-3:]
RANKS = {Verdict.BETTER: 0, Verdict.UNCHANGED: 0, Verdict.WITHIN_TOLERANCE: 0}
RANKS |= {Verdict.INCONCLUSIVE: 1, Verdict.WORSE: 2, Verdict.MISSING: 2}
DECISIONS = {Decision.PASS: 0, Decision.INCONCLUSIVE: 1, Decision.FAIL: 2}
NOISE = st.lists(st.tuples(st.floats(0.8, 1.25), st.floats(0.8, 1.25)), min_size=3, max_size=12)


def run(
    times_ms: Mapping[str, float],
    *,
    tiers: Mapping[str, float] = {},
    requests: Mapping[str, int] = {},
    memory: int | None = None,
) -> RunSummary:
    """A run with a time for each message, and tiers that have the same time in all messages."""
    figures = {"e2e_ms": times_ms}
    for name, tier_ms in tiers.items():
        figures[f"tier.{name}_ms"] = dict.fromkeys(times_ms, tier_ms)
    uses: dict[str, MessageUse] = {}
    for name in times_ms:
        count = requests.get(name, 4)
        message_class = "long" if name in LONG else "short"
        uses[name] = MessageUse(message_class=message_class, requests=count, ok=count)
    resources: dict[str, ResourceSummary] = {}
    if memory is not None:
        resources["gateway"] = ResourceSummary(cpu_pct_mean=20.0, cpu_pct_p95=30.0, memory_bytes_max=memory)
    return make_summary(figures).model_copy(update={"messages": uses, "resources": resources})


def times(factor: float = 1.0, **of_message: float) -> dict[str, float]:
    """Times of all messages: 200 ms, 240 ms and so on, with a factor of all and of some of them."""
    return {
        name: factor * of_message.get(name, 1.0) * (200.0 + 40.0 * number)
        for number, name in enumerate(MESSAGES)
    }


def draw(
    dice: random.Random, sd: float, factor: float = 1.0, own: Mapping[str, float] = {}, **parts: object
) -> RunSummary:
    """A run with noise of the run and of each message."""
    mood = factor * math.exp(dice.gauss(0.0, sd))
    noisy = {name: own.get(name, 1.0) * math.exp(dice.gauss(0.0, 0.08)) for name in MESSAGES}
    return run(times(mood, **noisy), **parts)  # type: ignore[arg-type]


def row(judged: JudgedRows, key: str = "e2e_ms") -> MetricComparison:
    """The row of a metric."""
    return next(row for row in judged.metrics if row.key == key)


def worse_groups(judged: JudgedRows) -> set[str]:
    """The names of the messages and classes that became worse."""
    return {row.name for row in judged.messages if row.verdict is Verdict.WORSE}


def comparison(judged: JudgedRows, pairs: int) -> Comparison:
    """The comparison of some pairs."""
    decision, reasons = decide([], judged.metrics, judged.messages)
    return Comparison(
        decision=decision, reasons=reasons, metrics=judged.metrics, messages=judged.messages, pairs=pairs
    )


def measure(dice: random.Random, sd: float, factor: float) -> tuple[Comparison, int]:
    """Measure pairs until the rule ends them; the result and the number of pairs."""
    base = [draw(dice, sd) for _ in range(MIN_PAIRS - 1)]
    head = [draw(dice, sd, factor) for _ in range(MIN_PAIRS - 1)]
    while True:
        base.append(draw(dice, sd))
        head.append(draw(dice, sd, factor))
        judged = comparison(judge_paired_runs(base, head, {}), len(base))
        if next_step(judged) is not None:
            return judged, len(base)


def test_the_looks_spend_the_false_alarm_rate_once() -> None:
    """The shares of all looks add up to 1."""
    assert sum(map(share_of_look, range(MIN_PAIRS, MAX_PAIRS + 1))) == pytest.approx(1.0)


@settings(max_examples=30, deadline=None)
@given(NOISE, st.floats(1.02, 3.0))
def test_a_slower_head_never_gets_a_better_rank(noise: Sequence[tuple[float, float]], factor: float) -> None:
    """For any noise and any number of pairs: no row, no message and no decision improves."""
    base = [run(times(one), tiers={"model": 100.0 * one}) for one, _ in noise]
    head = [run(times(other), tiers={"model": 100.0 * other}) for _, other in noise]
    slower = [run(times(factor * other), tiers={"model": 100.0 * factor * other}) for _, other in noise]
    before = judge_paired_runs(base, head, {})
    after = judge_paired_runs(base, slower, {})
    for one_row, other_row in zip(before.metrics, after.metrics, strict=True):
        assert one_row.key == other_row.key
        assert RANKS[other_row.verdict] >= RANKS[one_row.verdict]
    groups_before = {(group.kind, group.name): group for group in before.messages}
    for group in after.messages:
        assert RANKS[group.verdict] >= RANKS[groups_before[group.kind, group.name].verdict]
    decisions = [comparison(judged, len(noise)).decision for judged in (before, after)]
    assert DECISIONS[decisions[1]] >= DECISIONS[decisions[0]]


@settings(max_examples=40, deadline=None)
@given(NOISE, st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_is_irrelevant(noise: list[tuple[float, float]], dice: random.Random) -> None:
    """Pairs in another order have the same verdicts and the same numbers."""
    shuffled = dice.sample(noise, len(noise))
    judged = [
        judge_paired_runs(
            [run(times(one)) for one, _ in pairs], [run(times(other)) for _, other in pairs], {}
        )
        for pairs in (noise, shuffled)
    ]
    for one_row, other_row in zip(judged[0].metrics, judged[1].metrics, strict=True):
        assert one_row.verdict is other_row.verdict
        assert one_row.high_ratio == pytest.approx(other_row.high_ratio)
    assert worse_groups(judged[0]) == worse_groups(judged[1])


@settings(max_examples=30, deadline=None)
@given(NOISE, st.floats(0.5, 2.0))
def test_an_extra_tier_changes_no_other_verdict(noise: Sequence[tuple[float, float]], factor: float) -> None:
    """Each test has its own false-alarm rate, whatever else is tested."""
    base = [run(times(one), tiers={"model": 90.0 * one}) for one, _ in noise]
    head = [run(times(other), tiers={"model": 90.0 * factor * other}) for _, other in noise]
    more_base = [run(times(one), tiers={"model": 90.0 * one, "queue": 50.0}) for one, _ in noise]
    more_head = [
        run(times(other), tiers={"model": 90.0 * factor * other, "queue": 50.0}) for _, other in noise
    ]
    without = judge_paired_runs(base, head, {})
    with_tier = judge_paired_runs(more_base, more_head, {})
    kept = tuple(row for row in with_tier.metrics if row.key != "tier.queue_ms")
    assert kept == without.metrics
    assert with_tier.messages == without.messages


@settings(max_examples=60, deadline=None)
@given(NOISE, st.floats(0.7, 1.5))
def test_verdict_point_and_interval_agree(noise: Sequence[tuple[float, float]], factor: float) -> None:
    """The interval of a worse metric is above 0, that of a better one below; no change contains 0."""
    judged = judge_paired_runs(
        [run(times(one)) for one, _ in noise], [run(times(factor * other)) for _, other in noise], {}
    )
    results: list[MetricComparison | MessageComparison] = [row(judged), *judged.messages]
    for result in results:
        assert result.low_ratio is not None
        assert result.high_ratio is not None
        assert result.change_ratio is not None
        assert result.low_ratio <= result.change_ratio <= result.high_ratio
        if result.verdict in {Verdict.WORSE, Verdict.WITHIN_TOLERANCE}:
            assert result.low_ratio > 0.0
            exceeds = result.change_ratio > (result.margin_ratio or 0.0)
            assert exceeds is (result.verdict is Verdict.WORSE)
        if result.verdict is Verdict.BETTER:
            assert result.high_ratio < 0.0
        if result.verdict is Verdict.UNCHANGED:
            assert result.low_ratio <= 0.0 <= result.high_ratio


def test_messages_weigh_as_much_as_their_requests() -> None:
    """If the messages with 80 % of the requests are 40 % slower, so is the typical request, nearly."""
    requests = dict.fromkeys(MESSAGES, 2) | dict.fromkeys(MESSAGES[:3], 27)
    slower = times(**dict.fromkeys(MESSAGES[:3], 1.4))
    dice = random.Random(1)
    base = [run(times(dice.uniform(0.99, 1.01)), requests=requests) for _ in range(3)]
    head = [run({name: slower[name] for name in MESSAGES}, requests=requests) for _ in range(3)]
    result = row(judge_paired_runs(base, head, {}))
    assert result.verdict is Verdict.WORSE
    assert result.change_ratio == pytest.approx(1.4**0.8 - 1.0, abs=0.02)


def test_a_slower_kind_of_message_is_found_in_three_pairs() -> None:
    """Long messages that are half as slow again, and one message at three times, have their own rows."""
    dice = random.Random(2)
    base = [draw(dice, 0.01) for _ in range(3)]
    long = [draw(dice, 0.01, own=dict.fromkeys(LONG, 1.5)) for _ in range(3)]
    one = [draw(dice, 0.01, own={MESSAGES[4]: 3.0}) for _ in range(3)]
    judged = judge_paired_runs(base, long, {})
    assert "long" in worse_groups(judged)
    assert "short" not in worse_groups(judged)
    assert MESSAGES[4] in worse_groups(judge_paired_runs(base, one, {}))
    assert not worse_groups(judge_paired_runs(base, [draw(dice, 0.01) for _ in range(3)], {}))
    of_class = next(group for group in judged.messages if group.name == "long")
    assert (of_class.kind, of_class.messages) == (MessageKind.CLASS, 3)
    assert of_class.requests_ratio == pytest.approx(3 / 13)


def test_refusals_are_no_part_of_the_typical_value() -> None:
    """Messages that must be refused have rows of their own."""
    base = [run({"greeting": 500.0, "secret": 5.0}) for _ in range(4)]
    head = [run({"greeting": 500.0, "secret": 20.0}) for _ in range(4)]
    refusal = MessageUse(message_class="refusal", requests=4, ok=4)
    for summary in (*base, *head):
        summary.messages["secret"] = refusal
    judged = judge_paired_runs(base, head, {})
    assert row(judged).change_ratio == 0.0
    assert worse_groups(judged) == {"secret", "refusal"}


def test_times_of_tiers_add_up() -> None:
    """A tier that only some messages use is compared by its mean, in which those messages count."""
    base = [run(times(), tiers={}) for _ in range(4)]
    head = [run(times(), tiers={}) for _ in range(4)]

    def with_tool(summary: RunSummary, tool_ms: float) -> RunSummary:
        figures = dict.fromkeys(MESSAGES, 0.0) | dict.fromkeys(LONG, tool_ms)
        tool = summary.metrics["e2e_ms"].model_copy(update={"figures": figures})
        return summary.model_copy(update={"metrics": summary.metrics | {"tier.tool_ms": tool}})

    judged = judge_paired_runs(
        [with_tool(run, 100.0) for run in base], [with_tool(run, 200.0) for run in head], {}
    )
    result = row(judged, "tier.tool_ms")
    assert result.base == pytest.approx(300.0 / 13)
    assert result.change_ratio == pytest.approx(1.0, abs=0.01)


def test_an_outlier_pair_neither_fails_nor_hides_a_change() -> None:
    """One run that is twice as slow among six pairs moves the change little."""
    usual = (1.0, 1.01, 0.99, 1.005, 0.995, 1.0)
    base = [run(times(factor)) for factor in usual]
    outlier = [run(times(factor)) for factor in (*usual[1:], 2.0)]
    unchanged = row(judge_paired_runs(base, outlier, {}))
    assert unchanged.verdict is Verdict.UNCHANGED
    assert abs(unchanged.change_ratio or 1.0) < 0.02
    slower = [run(times(1.2 * factor)) for factor in (*usual[1:], 0.5)]
    assert row(judge_paired_runs(base, slower, {})).verdict is Verdict.WORSE


def test_the_prior_never_lowers_a_large_spread() -> None:
    """Pairs that differ by more than the prior have the standard error that they show."""
    wide = (1.0, 1.5, 0.7, 1.2)
    spreads: list[float] = []
    for factors in (wide, (1.0, 1.0, 1.0, 1.0)):
        base = [run(times()) for _ in factors]
        result = row(judge_paired_runs(base, [run(times(factor)) for factor in factors], {}))
        spreads.append(math.log1p(result.high_ratio or 0.0) - math.log1p(result.low_ratio or 0.0))
    logs = [math.log(factor) for factor in wide]
    mean = sum(logs) / len(logs)
    sd = math.sqrt(sum((value - mean) ** 2 for value in logs) / 3)
    prior_sd = PAIR_PRIOR_SD * math.sqrt(4 / 7)
    assert spreads[0] / spreads[1] == pytest.approx(sd / prior_sd, rel=0.01)


def test_scenarios_share_the_false_alarm_rate() -> None:
    """In a suite of seven scenarios, each test has a seventh of its rate."""
    base = [run(times()) for _ in range(4)]
    alone = row(judge_paired_runs(base, base, {}))
    in_suite = row(judge_paired_runs(base, base, {}, scenarios=7))
    assert 1.0 - (in_suite.confidence or 0.0) == pytest.approx((1.0 - (alone.confidence or 0.0)) / 7)


def test_pairs_end_when_the_answer_is_known() -> None:
    """They go on below three pairs, and end with a proven change, with no change, or after twelve pairs."""
    base = [run(times()) for _ in range(MAX_PAIRS)]
    slower = [run(times(1.3)) for _ in range(MAX_PAIRS)]
    assert next_step(comparison(judge_paired_runs(base[:2], slower[:2], {}), 2)) is None
    assert next_step(comparison(judge_paired_runs(base[:3], slower[:3], {}), 3)) is StopReason.PROVEN
    assert next_step(comparison(judge_paired_runs(base[:3], base[:3], {}), 3)) is StopReason.SETTLED
    noisy = [run(times(1.5 if number % 2 else 0.75)) for number in range(MAX_PAIRS)]
    assert next_step(comparison(judge_paired_runs(base[:6], noisy[:6], {}), 6)) is None
    assert next_step(comparison(judge_paired_runs(base, noisy, {}), MAX_PAIRS)) is StopReason.COMPLETE
    invalid = Comparison(decision=Decision.INVALID, reasons=("the run ended early",), pairs=1)
    assert next_step(invalid) is StopReason.INVALID


def test_a_change_at_its_margin_needs_more_pairs() -> None:
    """A change that is just above its margin is worse, but three pairs are not the end."""
    base = [run(times()) for _ in range(MAX_PAIRS)]
    slower = [run(times(1.065)) for _ in range(MAX_PAIRS)]
    judged = judge_paired_runs(base[:8], slower[:8], {})
    assert row(judged).verdict is Verdict.WORSE
    assert next_step(comparison(judge_paired_runs(base[:3], slower[:3], {}), 3)) is None
    assert next_step(comparison(judged, 8)) is StopReason.PROVEN


def test_memory_alone_keeps_the_pairs_going() -> None:
    """A service that uses 10 % more memory is found although no request is slower."""
    base = [run(times(), memory=60_000_000) for _ in range(4)]
    head = [run(times(), memory=66_000_000) for _ in range(4)]
    judged = judge_paired_runs(base, head, {})
    result = row(judged, "service.gateway.memory_bytes")
    assert (result.verdict, result.part) == (Verdict.WORSE, Part.COSTS)
    assert next_step(comparison(judged, 4)) is StopReason.PROVEN


def test_a_single_message_has_no_row_of_its_own() -> None:
    """It would repeat the row of its metric."""
    base = [run({"greeting": 300.0}) for _ in range(3)]
    judged = judge_paired_runs(base, [run({"greeting": 400.0}) for _ in range(3)], {})
    assert judged.messages == ()


def test_the_margin_of_a_message_is_wide() -> None:
    """A message that is half as slow again is within its tolerance."""
    base = [run(times()) for _ in range(4)]
    head = [run(times(**{MESSAGES[0]: 1.5})) for _ in range(4)]
    judged = judge_paired_runs(base, head, {})
    result = next(group for group in judged.messages if group.name == MESSAGES[0])
    assert result.verdict is Verdict.WITHIN_TOLERANCE
    assert result.margin_ratio == pytest.approx(MESSAGE_RATIO)


def test_simulated_pairs_find_changes_and_end_early() -> None:
    """With 3 % between runs there is no alarm in few pairs, and every change of 20 % is found.

    The seed is fixed. benchmarks/verdicts measures the rates.
    """
    dice = random.Random(20260105)
    pairs = 0
    for _ in range(30):
        unchanged, count = measure(dice, 0.03, 1.0)
        pairs += count
        assert unchanged.decision is Decision.PASS
        assert (row_of(unchanged).detectable_ratio or 1.0) < 0.15
    assert pairs / 30 <= 4.5
    for _ in range(15):
        slower, _ = measure(dice, 0.03, 1.2)
        assert slower.decision is Decision.FAIL


def row_of(result: Comparison) -> MetricComparison:
    """The row of the response time."""
    return next(row for row in result.metrics if row.key == "e2e_ms")


def test_rows_of_messages_are_sorted_by_change() -> None:
    """The largest change for the worse is first."""
    base = [run(times()) for _ in range(3)]
    head = [run(times(**{MESSAGES[5]: 4.0})) for _ in range(3)]
    rows: Sequence[MessageComparison] = judge_paired_runs(base, head, {}).messages
    assert rows[0].name == MESSAGES[5]
    changes = [result.change_ratio or 0.0 for result in rows]
    assert changes == sorted(changes, reverse=True)
