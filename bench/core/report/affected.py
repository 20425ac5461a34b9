"""Who is affected by the change that a headline describes, in which tier, and since which commit."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.report.headline import Claim, all_messages_grew, count_messages
from bench.core.report.report import Report, find_claim
from bench.core.report.sentences import change_text
from bench.core.report.words import PROVEN
from bench.core.samples.cost_metrics import SAFE_LOADS, cost_service
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, metric, tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison, Verdict

UNKNOWN = "not known"
"""The answer to a question that a comparison could not answer."""
MOST_ROWS = 3
"""Messages, classes or tiers that the first screen shows; it counts the others."""
_COMMIT = 9
NONE_ALONE = "the messages together; none is certain alone"
"""The answer if the messages together changed for certain, but no single one did."""
CONFIRMED = "confirmed by a second run"


@dataclass(frozen=True, slots=True)
class TierChange:
    """The change of a tier's own time."""

    name: str
    """Name of the tier."""
    change: str
    """The change, such as `+155 ms`."""
    share: float
    """Share of the growth of all tiers, from 0 to 1."""


def find_decisive_row(report: Report) -> MetricComparison | MessageComparison | None:
    """Return the compared row that the headline is about; None if the run was compared with nothing.

    Without such a row, a run that did not fail has a metric that cannot be judged, else the first metric that
    could have decided.
    """
    claim = find_claim(report)
    if claim is not None and claim.rows:
        return claim.rows[0]
    if report.decision in {Decision.INVALID, Decision.FAIL}:
        return None
    deciding = [row for row in report.comparison.metrics if row.part is Part.DECIDES and row.key != SUCCESS]
    unsure = [row for row in deciding if row.verdict is Verdict.INCONCLUSIVE]
    return next(iter([*unsure, *deciding]), None)


def describe_affected(report: Report) -> str:
    """Return whom the change affects: `all 13 messages`; empty if the question has no answer."""
    if report.decision is Decision.INCONCLUSIVE and find_decisive_row(report) is not None:
        return UNKNOWN
    claim = find_claim(report)
    row = None if claim is None else next(iter(claim.rows), None)
    if claim is None or row is None:
        vanished = report.comparison.vanished_messages
        return f"{wording.counted(len(vanished), 'message')} without an answer" if vanished else ""
    if isinstance(row, MessageComparison):
        return _describe_messages(
            [message for message in claim.rows if isinstance(message, MessageComparison)]
        )
    return _describe_of_metric(row, report)


def _describe_of_metric(row: MetricComparison, report: Report) -> str:
    service = cost_service(row.key)
    if service is not None:
        return f"service {wording.shorten(service)}"
    if row.key in SAFE_LOADS:
        return ""
    if row in report.comparison.against_pinned:
        return UNKNOWN  # messages are compared with the newest level only
    if row.verdict in {Verdict.UNCHANGED, Verdict.INCONCLUSIVE}:
        return "no message"
    if row.key == SUCCESS:
        summary = report.result.summary
        return f"{summary.failed} of {wording.counted(summary.requests, 'request')} failed"
    return _describe_grown(row, report.comparison) if row.key == RESPONSE_TIME else ""


def _describe_grown(row: MetricComparison, comparison: Comparison) -> str:
    """Return the classes, or the number of messages, whose own change is proven."""
    of_key = [message for message in comparison.messages if message.key == row.key]
    classes = [message for message in of_key if message.kind is MessageKind.CLASS]
    changed = [message for message in classes if message.verdict in PROVEN]
    count = count_messages(comparison)
    singles = [message for message in of_key if message.kind is MessageKind.MESSAGE]
    proven = [message for message in singles if message.verdict in PROVEN]
    if count and all_messages_grew(comparison, row):
        alone = f"; {len(proven)} of them certain alone" if len(proven) < len(singles) else ""
        return f"all {wording.counted(count, 'message')}{alone or _describe_spread(proven)}"
    if changed:
        return _describe_messages(changed)
    if proven:
        total = wording.counted(len(singles), "message")
        spread = _describe_spread(proven)
        return f"all {total}{spread}" if len(proven) == len(singles) else f"{len(proven)} of {total}"
    return NONE_ALONE if count else ""


def _describe_spread(rows: Sequence[MessageComparison]) -> str:
    """Return the smallest and the largest change of several messages: `, +17 to +37 %`."""
    ratios = sorted(row.change_ratio for row in rows if row.change_ratio is not None)
    if len(ratios) <= 1 or wording.change(ratios[0]) == wording.change(ratios[-1]):
        return ""
    return f", {wording.change_interval(ratios[0], ratios[-1], exact=True)}"


def _describe_messages(rows: Sequence[MessageComparison]) -> str:
    """Return the names of messages or classes with their share of the requests."""
    names = [wording.shorten(row.name) for row in rows[:MOST_ROWS]]
    if len(rows) > len(names):
        names.append(f"{len(rows) - len(names)} more")
    text = wording.listing(names)
    if rows[0].kind is MessageKind.CLASS:
        text += f": {wording.counted(sum(row.messages for row in rows), 'message')}"
    shares = [row.requests_ratio for row in rows if row.requests_ratio is not None]
    return f"{text}, {wording.percent(min(1.0, sum(shares)))} of the requests" if shares else text


def list_classes(report: Report) -> tuple[MessageComparison, ...]:
    """Return the compared classes of messages, or else the messages of the headline; at most three.

    They are compared with the same base in the same unit; other rows have none.
    """
    row = find_decisive_row(report)
    if row is None or row in report.comparison.against_pinned or metric(row.key).part is not Part.DECIDES:
        return ()
    of_key = [
        message
        for message in report.comparison.messages
        if message.key == row.key and message.change_ratio is not None
    ]
    classes = [message for message in of_key if message.kind is MessageKind.CLASS]
    single = [message for message in of_key if message.kind is MessageKind.MESSAGE]
    claim = find_claim(report) or Claim("")
    if row.verdict not in PROVEN:
        single = []
    named = [message for message in claim.rows if isinstance(message, MessageComparison)]
    rows = named or classes or single
    if named and named[0].kind is MessageKind.CLASS:
        rows = classes
    ordered = sorted(rows, key=lambda message: -(message.change_ratio or 0.0))
    return tuple(message for message in ordered if message is not row)[:MOST_ROWS]


def list_tiers(report: Report) -> tuple[TierChange, ...]:
    """Return the tiers that the headline names, with the change of their time, the largest growth first."""
    claim = find_claim(report)
    grown: dict[str, float] = {}
    for row in report.comparison.metrics:
        if tier_name(row.key) is not None and row.change is not None and row.change > 0:
            grown[row.key] = row.change
    total_ms = sum(grown.values())
    tiers = []
    for row in () if claim is None else claim.tiers:
        name = tier_name(row.key)
        if name is not None and row.change is not None:
            share = max(0.0, row.change) / total_ms if total_ms else 0.0
            tiers.append(TierChange(name, wording.change_ms(row.change, exact=True), share))
    return tuple(tiers[:MOST_ROWS])


def describe_growth(report: Report) -> str:
    """Return the growth of the response time that the tiers explain: `+187 ms`; empty if it did not grow."""
    for row in report.comparison.metrics:
        if row.key == RESPONSE_TIME and row.change is not None and row.change > 0:
            return wording.change_ms(row.change, exact=True)
    return ""


def describe_since(report: Report) -> str:
    """Return since when a run is worse, or else what it was compared with; empty without a comparison.

    For example: `after the last good commit 5e511ed79 of 2026-11-25 (baseline, 10 runs)`.
    The base itself is not worse.
    """
    base = _describe_base(report)
    if not base or not is_worse(report):
        return base
    return f"after the last good {base}" if base.startswith("commit ") else f"after {base}"


def is_worse(report: Report) -> bool:
    """Return whether a run failed because of a proven change."""
    claim = find_claim(report) if report.decision is Decision.FAIL else None
    return claim is not None and bool(claim.rows) and claim.rows[0].verdict in PROVEN


def _describe_base(report: Report) -> str:
    comparison = report.comparison
    if comparison.pinned_at is not None and find_decisive_row(report) in comparison.against_pinned:
        return f"the pinned baseline of {comparison.pinned_at:%Y-%m-%d}"
    if not comparison.baseline_runs and comparison.pairs is None:
        return ""
    commit = comparison.newest_baseline_commit
    parts = []
    if comparison.base_name is not None:
        parts.append(
            comparison.base_name if commit is None else f"{comparison.base_name} ({commit[:_COMMIT]})"
        )
        parts.append(wording.counted(comparison.pairs or comparison.baseline_runs, "pair"))
    else:
        day = comparison.newest_baseline_at
        of_day = "" if day is None else f" of {day:%Y-%m-%d}"
        name = "the newest run" if commit is None else f"commit {commit[:_COMMIT]}"
        parts.append(f"{name}{of_day} (baseline, {wording.counted(comparison.baseline_runs, 'run')})")
    if comparison.confirmed_by is not None:
        parts.append(CONFIRMED)
    return ", ".join(parts)


def describe_change(row: MetricComparison | MessageComparison) -> str:
    """Return the change of a row: in milliseconds for a tier, else as in tables."""
    if isinstance(row, MetricComparison) and tier_name(row.key) is not None:
        return wording.change_ms(row.change, exact=True)
    return change_text(row)
