"""The rows below the headline of the site's front page: what became worse, and what needs a look."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.core.config.watching import AlertLimits
from bench.core.report.latest_change import describe_change, describe_since, latest_change
from bench.core.report.site_entry import Entry, success_of
from bench.core.report.trend_wording import commit
from bench.core.values import wording
from bench.core.verdict.compare import Decision

_MOST_ROWS = 3
"""Rows of one kind; the list of the scenarios has the others."""
LEAST_SUCCESS = AlertLimits().success_ratio
"""A run with a lower success ratio needs attention: the limit of alerts, unless a stack declares its own."""


@dataclass(frozen=True, slots=True)
class SiteFinding:
    """A scenario that became worse or needs a look."""

    entry: Entry
    """The scenario."""
    text: str
    """The change with its date and tier, or the failures, checks and alerts of the newest run."""
    is_worse: bool
    """Whether the scenario became worse."""


def find_findings(entries: Sequence[Entry]) -> tuple[SiteFinding, ...]:
    """Return the rows: scenarios that became worse, then those whose newest run needs a look.

    Args:
        entries: All histories, the worst first.
    """
    worse: list[SiteFinding] = []
    looks: list[tuple[float, SiteFinding]] = []
    for entry in entries:
        if entry.trend.decision is Decision.FAIL:
            worse.append(SiteFinding(entry, _describe_worse(entry), is_worse=True))
            continue
        text = "; ".join(list_needs(entry))
        if text:
            looks.append((success_of(entry.newest), SiteFinding(entry, text, is_worse=False)))
    looks.sort(key=lambda row: row[0])
    return (*worse[:_MOST_ROWS], *(look for _, look in looks[:_MOST_ROWS]))


def list_needs(entry: Entry) -> tuple[str, ...]:
    """Return what needs a look in the newest run: failures, checks that were down, thresholds, alerts."""
    return tuple(_needs(entry))


def _needs(entry: Entry) -> Iterator[str]:
    run = entry.newest
    if run.safe_load is None and success_of(run) < LEAST_SUCCESS:  # a search tries loads that fail
        yield f"{run.failed:,} of {run.ok + run.failed:,} requests failed"
    vitals = run.vitals
    if vitals is None:
        return
    down = sorted((up_ratio, check) for check, up_ratio in vitals.up.items() if up_ratio < 1.0)
    if down:
        up_ratio, check = down[0]
        others = f", and {len(down) - 1} more" if len(down) > 1 else ""
        yield f"{check} was down {describe_downtime(entry, up_ratio)}{others}"
    if vitals.crossed and run.safe_load is None:
        yield wording.counted(len(vitals.crossed), "crossed threshold")
    if vitals.alerts:
        yield wording.counted(len(vitals.alerts), "alert")


def describe_downtime(entry: Entry, up_ratio: float) -> str:
    """Return the time that a health check was down in the newest run: `2.2 s of 31 s`."""
    elapsed_s = entry.newest.vitals.elapsed_s if entry.newest.vitals else 0.0
    return f"{(1.0 - up_ratio) * elapsed_s:.1f} s of {elapsed_s:.0f} s"


def _describe_worse(entry: Entry) -> str:
    change = latest_change(entry.trend)
    if change is None:
        return "became worse"
    text = f"{describe_change(change)} {describe_since(entry.trend, change)}"
    point = change.point
    return text if point is None or point.commit is None else f"{text}, commit {commit(point.commit)}"
