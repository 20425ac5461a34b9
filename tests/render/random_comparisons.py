"""Random comparisons, judged by the real rule: their words and numbers must agree in every format."""

import random
from collections.abc import Iterator

from bench.core.samples.metrics import metric, tier_key
from bench.core.verdict.change import ChangeEstimate, Margin, compare_metric, judge_change
from bench.core.verdict.compare import Comparison, Decision, decide
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.factories import NOON

_BASES = {
    "e2e_ms": 600.0,
    "ttft_ms": 80.0,
    "p95.e2e_ms": 900.0,
    "requests_rps": 12.0,
    "service.agent.memory_bytes": 60e6,
    "service.agent.cpu_ms": 9.0,
    tier_key("decode"): 300.0,
    tier_key("prefill"): 40.0,
    tier_key("unattributed"): 20.0,
}
_CHANGES = (0.0, 0.0, 0.0003, 0.004, 0.03, 0.08, 0.2, 0.6, 1.5)
_ERRORS = (1e-5, 0.001, 0.01, 0.03, 0.1)


def random_comparisons(seed: int, count: int) -> Iterator[Comparison]:
    """Yield comparisons of some metrics and messages with changes of every size and precision."""
    randoms = random.Random(seed)
    for _ in range(count):
        yield _comparison(randoms)


def _comparison(randoms: random.Random) -> Comparison:
    keys = [key for key in _BASES if randoms.random() < 0.7] or ["e2e_ms"]
    metrics = tuple(_metric(randoms, key) for key in keys)
    messages = tuple(_messages(randoms))
    vanished = ("greeting",) if randoms.random() < 0.03 else ()
    crossed = ("threshold crossed: e2e_ms p(95)<100",) if randoms.random() < 0.03 else ()
    pinned: tuple[MetricComparison, ...] = ()
    if randoms.random() < 0.1:
        pinned = (_metric(randoms, "e2e_ms"),)
    decision, reasons = decide(crossed, metrics, messages)
    drifted = any(row.regressed for row in pinned)
    if drifted or vanished:
        decision = Decision.FAIL
    return Comparison(
        decision=decision,
        reasons=reasons or ("this is why",),
        metrics=metrics,
        messages=messages,
        vanished_messages=vanished,
        against_pinned=pinned,
        pinned_at=NOON if pinned else None,
        baseline_runs=10,
    )


def _estimate(randoms: random.Random, key: str, base: float) -> ChangeEstimate:
    log_change = randoms.choice(_CHANGES) * randoms.uniform(0.5, 1.5) * randoms.choice((-1, 1))
    unknown = 0.05 if randoms.random() < 0.1 else 0.0
    return ChangeEstimate(
        key=key,
        base=base,
        head=base * randoms.uniform(0.5, 2.0),
        log_change=log_change,
        standard_error=randoms.choice(_ERRORS) * randoms.uniform(0.5, 1.5),
        df=randoms.choice((3.0, 9.0, 30.0)),
        agreed=log_change * randoms.uniform(0.2, 1.0),
        machine_effect=randoms.choice((0.0, 0.0, 0.1, -0.2)),
        lowest=log_change - unknown if unknown else None,
        highest=log_change + unknown if unknown else None,
    )


def _metric(randoms: random.Random, key: str) -> MetricComparison:
    if randoms.random() < 0.03:
        verdict = randoms.choice((Verdict.MISSING, Verdict.NEW))
        return MetricComparison(key=key, verdict=verdict, part=metric(key).part)
    base = _BASES[key] * 10 ** randoms.uniform(-2.0, 2.0)
    margin = Margin(randoms.choice((0.02, 0.1, 0.3)), randoms.choice((0.0, 0.05 * base)))
    return compare_metric(_estimate(randoms, key, base), randoms.choice((0.001, 0.01)), margin)


def _messages(randoms: random.Random) -> Iterator[MessageComparison]:
    if randoms.random() < 0.5:
        return
    for number in range(randoms.randint(1, 8)):
        is_class = number < randoms.choice((0, 1, 2, 3))
        name = ("long", "short", "refusal")[number % 3] if is_class else f"question-{number}"
        base = 10 ** randoms.uniform(0.0, 4.5)
        estimate = _estimate(randoms, "e2e_ms", base)
        judged = judge_change(estimate, 0.005, Margin(0.2 if is_class else 0.6))
        yield MessageComparison(
            key="e2e_ms",
            name=name,
            kind=MessageKind.CLASS if is_class else MessageKind.MESSAGE,
            verdict=judged.verdict,
            base=base,
            head=estimate.head,
            change_ratio=judged.change_ratio,
            low_ratio=judged.low_ratio,
            high_ratio=judged.high_ratio,
            confidence=judged.confidence,
            margin_ratio=judged.margin_ratio,
            messages=randoms.randint(1, 5) if is_class else 1,
            requests_ratio=randoms.random(),
        )
