"""The changes of a suite, the most important first."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.core.report.headline import concerns_readers, find_pass
from bench.core.report.report import Report, find_claim
from bench.core.report.row_words import row_verdict_text
from bench.core.report.sentences import change_text, interval_text, values_text
from bench.core.report.suite import SuiteReport
from bench.core.report.words import (
    CROSSED,
    DECISIONS,
    NOT_MEASURED,
    PROVEN,
    VERDICTS,
    Tone,
    Word,
)
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, label_and_unit, metric, step_name, tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison, Verdict

_TONES = (Tone.BAD, Tone.INVALID, Tone.UNSURE, Tone.CAUTION, Tone.GOOD, Tone.QUIET)
"""The tones in the order of importance."""
_PARTS = (Part.DECIDES, Part.TAILS, Part.STEPS, Part.LOCATES, Part.COSTS)
"""The parts of a comparison in the order of importance; the others never decide."""
_LEAD = 0
_CERTAIN = 1
"""Rank of a scenario without a result, a crossed threshold, and missing data."""
_MESSAGES = 3
"""Rank of a message; that of a deciding metric is one smaller, that of the other parts is larger."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that a reader must know."""

    scenario: str
    """Name of the scenario; empty if it is the subject."""
    subject: str
    """The metric, the messages or the tier."""
    size: str
    """The size: `+48 %`; a dash if it has none."""
    values: str
    """The values of both sides: `1.9 → 2.8 s`, or the reason."""
    interval: str
    """The interval of the size and its confidence; a dash if it was not tested."""
    verdict: str
    """The verdict in words."""
    tone: Tone
    """The tone of the verdict."""
    rank: tuple[int, int, float]
    """Sorts the changes, the most important first."""


def list_changes(suite: SuiteReport) -> list[Change]:
    """Return the changes of all scenarios, the most important first.

    The first one is the change that the headline describes. A scenario without a change has none.
    """
    changes: list[Change] = []
    for failure in suite.not_measured:
        changes.append(_certain("", failure.scenario, failure.explanation, NOT_MEASURED))
    for report in suite.reports:
        is_lead = report is suite.lead
        changes += _changes_of(report, suite.decision_on(report), is_lead=is_lead)
    return sorted(changes, key=lambda change: change.rank)


def _changes_of(report: Report, decision: Decision, *, is_lead: bool) -> Iterator[Change]:
    """Yield the changes of a scenario."""
    scenario = report.result.scenario.name
    comparison = report.comparison
    if decision is Decision.INVALID:
        yield _certain("", scenario, comparison.reasons[0], DECISIONS[Decision.INVALID])
        return
    for limit in report.result.thresholds:
        if limit.crossed:
            text = f"{limit.expression.source}, measured {limit.measured}"
            yield _certain(scenario, f"threshold of {label_and_unit(limit.metric)[0]}", text, CROSSED)
    for name in comparison.vanished_messages:
        yield _certain(
            scenario, f"message {wording.shorten(name)}", "no answer any more", VERDICTS[Verdict.MISSING]
        )
    claim = find_claim(report) or find_pass(comparison)
    leads = claim.rows[:1] if is_lead else ()
    for row in _rows_of(report, decision):
        yield _compared(scenario, row, is_lead=row in leads)
    for row in comparison.drifted:
        yield _compared(scenario, row, " since the pinned baseline", is_lead=row in leads)


def _rows_of(report: Report, decision: Decision) -> Iterator[MetricComparison | MessageComparison]:
    """Yield the rows with a change, and those that make the decision inconclusive.

    Messages repeat the change of their metric, so only those that are worse than tolerated are rows.
    """
    claim = find_claim(report)
    named = {row.key for row in report.comparison.metrics if row.verdict in PROVEN}
    for row in report.comparison.metrics:
        is_doubt = row.verdict is Verdict.INCONCLUSIVE and row.part is Part.DECIDES
        is_missing = row.verdict is Verdict.MISSING and row.gates
        is_change = row.verdict in PROVEN and row.part in _PARTS and concerns_readers(row, claim)
        if is_change or is_missing or (is_doubt and decision is Decision.INCONCLUSIVE):
            yield row
    for message in report.comparison.messages:
        is_worse = message.verdict is Verdict.WORSE
        if is_worse or (message.verdict in PROVEN and message.key not in named):
            yield message


def _compared(
    scenario: str, row: MetricComparison | MessageComparison, more: str = "", *, is_lead: bool
) -> Change:
    tone = VERDICTS[row.verdict].tone
    rank = _LEAD if is_lead else _rank(row)
    size = abs(row.change_ratio or 0.0)
    importance = 0 if is_lead else _TONES.index(tone)
    interval = interval_text(row)
    if interval != wording.DASH:
        interval += "" if row.confidence is None else f" ({wording.confidence(row.confidence)})"
    return Change(
        wording.shorten(scenario),
        _subject(row) + more,
        change_text(row),
        _values(row),
        interval,
        row_verdict_text(row),
        tone,
        (importance, rank, -size),
    )


def _certain(scenario: str, subject: str, reason: str, word: Word) -> Change:
    rank = (_TONES.index(word.tone), _CERTAIN, 0.0)
    subject = wording.shorten(subject)
    scenario = wording.shorten(scenario)
    return Change(scenario, subject, wording.DASH, reason, wording.DASH, word.text, word.tone, rank)


def _rank(row: MetricComparison | MessageComparison) -> int:
    if isinstance(row, MessageComparison):
        return _MESSAGES
    if row.verdict is Verdict.MISSING or row.key == SUCCESS:
        return _CERTAIN
    part = _PARTS.index(row.part) if row.part in _PARTS else len(_PARTS)
    return _MESSAGES - 1 if part == 0 else _MESSAGES + part


def _subject(row: MetricComparison | MessageComparison) -> str:
    if isinstance(row, MessageComparison):
        of_metric = "" if row.key == RESPONSE_TIME else f", {metric(row.key).label}"
        if row.kind is MessageKind.CLASS:
            return f"{wording.shorten(row.name)} messages ({row.messages}){of_metric}"
        return f"message {wording.shorten(row.name)}{of_metric}"
    tier = tier_name(row.key)
    if tier is not None:
        return f"tier {wording.shorten(tier)}"
    step = step_name(row.key)
    return metric(row.key).label if step is None else f"step {wording.shorten(step)}"


def _values(row: MetricComparison | MessageComparison) -> str:
    if isinstance(row, MetricComparison) and row.key == SUCCESS:
        return f"{row.base_text} → {row.head_text}"
    return values_text(row)
