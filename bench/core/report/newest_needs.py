"""What needs a look in the newest run of a history that is not worse, and the words for it."""

from collections.abc import Iterator

from bench.core.config.watching import AlertLimits
from bench.core.history.history import HistoryPoint
from bench.core.report.site_entry import success_of
from bench.core.report.trend_page import HistorySummary
from bench.core.report.trend_wording import next_step
from bench.core.report.words import DECISIONS, FAILS_THRESHOLD, NEEDS_LOOK, Word
from bench.core.values import wording
from bench.core.verdict.compare import Decision

LEAST_SUCCESS = AlertLimits().success_ratio
"""A run with a lower success ratio needs attention: the limit of alerts, unless a stack declares its own."""


def name_verdict(summary: HistorySummary) -> Word:
    """Return the verdict on a history for people, which is never milder than that of its newest run."""
    if summary.trend.decision is Decision.PASS and fails_threshold(summary.newest):
        return FAILS_THRESHOLD
    if summary.trend.decision is Decision.PASS and list_needs(summary.newest):
        return NEEDS_LOOK
    return DECISIONS[summary.trend.decision]


def advise_history(summary: HistorySummary) -> str:
    """Return the reader's next step."""
    needs = list_needs(summary.newest)
    if summary.trend.decision is Decision.PASS and needs:
        return f"Nothing became worse, but look at the newest run: {needs[0]}{wording.and_more(needs)}."
    return next_step(summary.trend)


def fails_threshold(run: HistoryPoint) -> bool:
    """Return whether a run crossed a threshold of its own; a search tries loads that do."""
    return run.vitals is not None and bool(run.vitals.crossed) and run.safe_load is None


def list_needs(run: HistoryPoint) -> tuple[str, ...]:
    """Return what needs a look in a run: failures, checks that were down, thresholds, alerts."""
    return tuple(_list_needs(run))


def _list_needs(run: HistoryPoint) -> Iterator[str]:
    if run.vitals is not None and fails_threshold(run):
        crossed = run.vitals.crossed
        yield f"crossed threshold {wording.shorten(crossed[0])}{wording.and_more(crossed)}"
    if run.safe_load is None and success_of(run) < LEAST_SUCCESS:  # a search tries loads that fail
        yield f"{run.failed:,} of {run.ok + run.failed:,} requests failed"
    vitals = run.vitals
    if vitals is None:
        return
    down = sorted((up_ratio, check) for check, up_ratio in vitals.up.items() if up_ratio < 1.0)
    if down:
        up_ratio, check = down[0]
        yield f"{check} was down {describe_downtime(run, up_ratio)}{wording.and_more(down)}"
    if vitals.alerts:
        yield f"alert: {wording.shorten(vitals.alerts[0])}{wording.and_more(vitals.alerts)}"


def describe_downtime(run: HistoryPoint, up_ratio: float) -> str:
    """Return the time that a health check was down in a run: `2.2 s of 31 s`."""
    elapsed_s = run.vitals.elapsed_s if run.vitals else 0.0
    return f"{(1.0 - up_ratio) * elapsed_s:.1f} s of {elapsed_s:.0f} s"
