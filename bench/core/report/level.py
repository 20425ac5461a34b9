"""A sentence that compares a run with the committed baseline: its newest level, and the pinned one."""

from collections.abc import Sequence

from bench.core.report.sentences import values_text
from bench.core.report.words import verdict_text
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, sentence_name
from bench.core.values import wording
from bench.core.verdict.compare import Comparison
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison


def describe_level(comparison: Comparison) -> str | None:
    """Return the sentence, without a full stop; None if the run was not compared with a baseline.

    For example: `response time +1.2 % (no change) since the level of 2026-01-06, +4.0 % (slower, within
    tolerance) since the pinned baseline of 2025-11-03`.
    """
    row = _find_row(comparison.metrics)
    if row is None or comparison.base_name is not None:
        return None
    level = "the baseline" if comparison.level_at is None else f"the level of {comparison.level_at:%Y-%m-%d}"
    sentence = f"{sentence_name(row.key)} {_describe(row)} since {level}"
    pinned = _find_row(comparison.against_pinned)
    if pinned is None:
        return sentence
    day = "" if comparison.pinned_at is None else f" of {comparison.pinned_at:%Y-%m-%d}"
    return f"{sentence}, {_describe(pinned)} since the pinned baseline{day}"


def _find_row(rows: Sequence[MetricComparison]) -> MetricComparison | None:
    """Return the response time, or else the first deciding metric."""
    deciding = [row for row in rows if row.part is Part.DECIDES and row.key != SUCCESS]
    for row in deciding:
        if row.key == RESPONSE_TIME:
            return row
    return next(iter(deciding), None)


def _describe(row: MetricComparison) -> str:
    change = values_text(row) if row.key in SAFE_LOADS else wording.change(row.change_ratio)
    return f"{change} ({verdict_text(row.key, row.verdict)})"
