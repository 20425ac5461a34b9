"""The rows below the headline of the site's front page: what became worse, and what needs a look."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.report.affected import UNKNOWN
from bench.core.report.latest_change import describe_change, describe_since, latest_change
from bench.core.report.newest_needs import fails_threshold, list_needs
from bench.core.report.site_entry import Entry, success_of
from bench.core.report.trend_wording import commit
from bench.core.verdict.compare import Decision

_MOST_ROWS = 3
"""Rows of one kind; the list of the scenarios has the others."""


@dataclass(frozen=True, slots=True)
class SiteFinding:
    """A scenario that became worse or needs a look."""

    entry: Entry
    """The scenario."""
    text: str
    """The change with its date and tier, or the failures, checks and alerts of the newest run."""
    is_worse: bool
    """Whether the scenario became worse, or its newest run crossed a threshold of its own."""


def find_findings(entries: Sequence[Entry]) -> tuple[SiteFinding, ...]:
    """Return the rows: scenarios that became worse, then those whose newest run needs a look.

    Args:
        entries: All histories, the worst first.
    """
    worse: list[SiteFinding] = []
    looks: list[tuple[bool, float, SiteFinding]] = []
    for entry in entries:
        if entry.trend.decision is Decision.FAIL:
            worse.append(SiteFinding(entry, _describe_worse(entry), is_worse=True))
            continue
        text = "; ".join(list_needs(entry.newest))
        if text:
            fails = fails_threshold(entry.newest)
            looks.append((not fails, success_of(entry.newest), SiteFinding(entry, text, is_worse=fails)))
    looks.sort(key=lambda row: row[:2])
    return (*worse[:_MOST_ROWS], *(look for _, _, look in looks[:_MOST_ROWS]))


def _describe_worse(entry: Entry) -> str:
    change = latest_change(entry.trend)
    if change is None:
        return "became worse"
    text = f"{describe_change(change)} {describe_since(entry.trend, change)}"
    point = change.point
    if point is not None and point.commit is not None:
        text += f", commit {commit(point.commit)}"
    affected = entry.summary.affected
    return text if affected in {"", UNKNOWN} else f"{text}; affected: {affected}"
