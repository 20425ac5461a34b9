"""The verdict and the tolerance of a compared row in words: of a metric, a tier, a message or a class."""

from collections.abc import Callable, Iterable, Sequence

from bench.core.report.words import part_verdict_text, verdict_text
from bench.core.samples.metrics import tier_name
from bench.core.values import wording
from bench.core.verdict.accepted_runs import MARGIN_RATIO
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.verdict import MetricComparison


def row_verdict_text(row: MetricComparison | MessageComparison) -> str:
    """Return the verdict on a row for people: every table, list and page uses this one."""
    if isinstance(row, MessageComparison) or tier_name(row.key) is not None:
        return part_verdict_text(row.key, row.verdict)
    return verdict_text(row.key, row.verdict)


def margin_ratio_of(row: MetricComparison | MessageComparison) -> float:
    """Return the tolerated change of a row as a share of its base."""
    return MARGIN_RATIO if row.margin_ratio is None else row.margin_ratio


def describe_tolerances(rows: Sequence[MetricComparison | MessageComparison]) -> str:
    """Return the tolerances of the rows of a table: `±10 %`, `classes ±20 %, messages ±60 %`."""
    kinds = {"classes": MessageKind.CLASS, "messages": MessageKind.MESSAGE}
    parts = []
    for name, kind in kinds.items():
        of_kind = [row for row in rows if isinstance(row, MessageComparison) and row.kind is kind]
        if of_kind:
            parts.append(f"{name} {_describe_range(map(margin_ratio_of, of_kind))}")
    others = [row for row in rows if not isinstance(row, MessageComparison) and row.margin_ratio is not None]
    tiers = [row for row in others if tier_name(row.key) is not None]
    if tiers:
        margins = [margin_ratio_of(row) * (row.base or 0.0) for row in tiers]
        parts.append(_describe_range(margins, wording.duration))
    elif others:
        parts.append(_describe_range(map(margin_ratio_of, others)))
    return ", ".join(parts)


def describe_tolerance_range(rows: Sequence[MetricComparison | MessageComparison]) -> str:
    """Return the smallest and the largest tolerance of rows, which are shares: `±20 % to ±60 %`."""
    return _describe_range(map(margin_ratio_of, rows)) if rows else ""


def _describe_range(margins: Iterable[float], write: Callable[[float], str] = wording.magnitude) -> str:
    ordered = sorted(margins)
    lowest = write(ordered[0])
    highest = write(ordered[-1])
    return f"±{lowest}" if lowest == highest else f"±{lowest} to ±{highest}"
