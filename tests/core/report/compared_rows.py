"""Compared metrics and messages for the tests of sentences."""

from typing import Any

from bench.core.samples.metrics import metric, tier_key
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.verdict import MetricComparison, Verdict


def compared(key: str, verdict: Verdict, base: float, ratio: float, **more: Any) -> MetricComparison:
    """Return a metric of this base and this change."""
    numbers = {
        "part": metric(key).part,
        "base": base,
        "head": base * (1 + ratio),
        "change": base * ratio,
        "change_ratio": ratio,
        "margin_ratio": 0.1,
    }
    return MetricComparison.model_validate({"key": key, "verdict": verdict} | numbers | more)


def tier(name: str, verdict: Verdict, change_ms: float) -> MetricComparison:
    """Return a tier that took this much longer."""
    return compared(tier_key(name), verdict, 100.0, change_ms / 100.0)


def message(name: str, verdict: Verdict, base: float, ratio: float, **more: Any) -> MessageComparison:
    """Return a message, or a class with `messages`, of this base and this change."""
    numbers = {
        "key": "e2e_ms",
        "kind": MessageKind.CLASS if "messages" in more else MessageKind.MESSAGE,
        "base": base,
        "head": base * (1 + ratio),
        "change_ratio": ratio,
        "margin_ratio": 0.2,
    }
    return MessageComparison.model_validate({"name": name, "verdict": verdict} | numbers | more)


def comparison(decision: Decision, *rows: MetricComparison | MessageComparison, **more: Any) -> Comparison:
    """Return a comparison with these metrics and messages."""
    metrics = tuple(row for row in rows if isinstance(row, MetricComparison))
    messages = tuple(row for row in rows if isinstance(row, MessageComparison))
    return Comparison(decision=decision, reasons=("this is why",), metrics=metrics, messages=messages, **more)
