"""The front page of all histories: the judgement, tiles, and the scenarios, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.report.latest_change import latest_change
from bench.core.report.newest_needs import advise_history, name_verdict
from bench.core.report.site_entry import Entry, name_histories
from bench.core.report.site_findings import SiteFinding, find_findings
from bench.core.report.site_tiles import Tile, make_tiles
from bench.core.report.trend_page import HistorySummary
from bench.core.report.words import DECISIONS, FAILS_THRESHOLD, NEEDS_LOOK, Word
from bench.core.values import wording
from bench.core.verdict.compare import Decision

_MOST_NAMES = 5
"""A longer list is cut to this many names and a count."""
_RANK = {Decision.FAIL: 0, Decision.INVALID: 1, Decision.INCONCLUSIVE: 3, Decision.PASS: 4}
_LOOK_RANK = 2
"""Rank of a scenario that passed and needs a look."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The front page."""

    decision: Decision
    """Fail if any history fails; inconclusive if no history can be judged yet."""
    word: Word
    """The decision for people; a pass with a scenario that needs a look names that."""
    headline: str
    """The judgement in one sentence."""
    next_step: str
    """What the reader can do now."""
    findings: tuple[SiteFinding, ...]
    """The scenarios that became worse, and those that need a look; at most three of each."""
    entries: tuple[Entry, ...]
    """All histories, the worst first."""
    tiles: tuple[Tile, ...]
    """Those of performance, health, services and users that have content."""


def dashboard(summaries: Sequence[HistorySummary]) -> Dashboard:
    """Return the front page of one or more histories."""
    names = name_histories([summary.where for summary in summaries])
    entries: list[Entry] = []
    decisions = set[Decision]()
    for summary in summaries:
        entries.append(Entry(names[summary.where], summary))
        decisions.add(summary.trend.decision)
    entries.sort(key=_order)
    decision = min(decisions - {Decision.INCONCLUSIVE}, key=_RANK.__getitem__, default=Decision.INCONCLUSIVE)
    return Dashboard(
        decision=decision,
        headline=_headline(decision, entries),
        word=_judge(decision, entries),
        next_step=_next_step(decision, entries),
        findings=find_findings(entries),
        entries=tuple(entries),
        tiles=make_tiles(entries),
    )


def _order(entry: Entry) -> tuple[int, float, str]:
    """Sort key: the worst decision first, then the largest change for the worse, then the name.

    A scenario that passed and needs a look is before those that cannot be judged.
    """
    change = latest_change(entry.trend) if entry.trend.decision is Decision.FAIL else None
    size = abs(change.ratio or 0.0) if change is not None else 0.0
    rank = _LOOK_RANK if _needs_look(entry) else _RANK[entry.trend.decision]
    return rank, -size if size else -float(_fails_threshold(entry)), entry.name


def _needs_look(entry: Entry) -> bool:
    return name_verdict(entry.summary) in {NEEDS_LOOK, FAILS_THRESHOLD}


def _fails_threshold(entry: Entry) -> bool:
    return name_verdict(entry.summary) is FAILS_THRESHOLD


def _judge(decision: Decision, entries: Sequence[Entry]) -> Word:
    if decision is Decision.PASS and any(map(_fails_threshold, entries)):
        return FAILS_THRESHOLD
    if decision is Decision.PASS and any(map(_needs_look, entries)):
        return NEEDS_LOOK
    return DECISIONS[decision]


def _headline(decision: Decision, entries: Sequence[Entry]) -> str:
    failed: list[str] = []
    inconclusive = 0
    for entry in entries:
        if entry.trend.decision is Decision.FAIL:
            failed.append(entry.name)
        inconclusive += entry.trend.decision is Decision.INCONCLUSIVE
    judged = wording.counted(len(entries) - inconclusive, "judged scenario")
    crossed = [entry.name for entry in entries if _fails_threshold(entry)]
    looks = [entry.name for entry in entries if _needs_look(entry) and not _fails_threshold(entry)]
    few = ""
    if crossed:
        few = f"; {len(crossed)} {'fails' if len(crossed) == 1 else 'fail'} a threshold: {_listing(crossed)}"
    if looks:
        few += f"; {len(looks)} {'needs' if len(looks) == 1 else 'need'} a look: {_listing(looks)}"
    if inconclusive:
        few += f"; {inconclusive} {'has' if inconclusive == 1 else 'have'} too few runs"
    if failed:
        verb = "is" if len(failed) == 1 else "are"
        return f"{len(failed)} of {judged} {verb} worse than before: {_listing(failed)}{few}."
    if decision is Decision.INCONCLUSIVE:
        return f"Cannot tell yet: no scenario has the {MIN_TREND_RUNS} comparable runs that are needed."
    return f"No lasting regression in {judged}{few}."


def _next_step(decision: Decision, entries: Sequence[Entry]) -> str:
    """Return the next step of the worst scenario, or else of the first one that needs a look."""
    worst = entries[0]
    if decision is not Decision.FAIL:
        worst = next(filter(_needs_look, entries), worst)
    step = advise_history(worst.summary)
    is_of_one = worst.trend.decision is Decision.FAIL or _needs_look(worst)
    return f"{worst.name}: {step}" if is_of_one and len(entries) > 1 else step


def _listing(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_NAMES])
    rest = len(names) - len(shown)
    return wording.listing([*shown, f"{rest} more"] if rest else shown)
