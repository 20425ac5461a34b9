"""The four tiles of the site's front page: what matters across all scenarios, in their newest runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.core.history.vitals import ServiceUsage
from bench.core.report.latest_change import LatestChange, describe_change, latest_change
from bench.core.report.newest_needs import LEAST_SUCCESS, describe_downtime, fails_threshold
from bench.core.report.site_entry import Entry, success_of, typical_of, uses_of, wait_of
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS

_CORE_PCT = 100.0
_MOST_FAILED = 1.0 - LEAST_SUCCESS
"""Share of failed requests at which alerts begin."""
_MOST_ROWS = 3
"""A tile shows at most this number of scenarios or services."""
_MOST_ALERTS = 3
"""A tile shows at most this number of alerts, and the number of others."""


class Status(StrEnum):
    """The status of a tile."""

    WORSE = "worse"
    """A scenario became worse than before, or its newest run crossed a threshold of its own."""
    GOOD = "good"
    LOOK = "look"
    """Somebody should look at it."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TileRow:
    """A scenario or a service in a tile, with a bar."""

    name: str
    """Name of a service; empty for the scenario as a whole."""
    entry: Entry
    """The scenario."""
    text: str
    """The number."""
    share: float
    """Length of the bar, from 0 to 1."""
    is_bad: bool = False
    """Whether the number is a change for the worse, or beyond a limit that the tile states."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the four tiles."""

    title: str
    """Title for people."""
    status: Status
    """Status of the subject."""
    figure: str
    """The number that represents the subject."""
    unit: str
    """What that number counts; may be empty."""
    about: str
    """What the bars show, and what a full bar is; may be empty."""
    rows: tuple[TileRow, ...]
    """The worst scenarios or services."""
    text: str = ""
    """Details in sentences, above the bars; may be empty."""


def make_tiles(entries: Sequence[Entry]) -> tuple[Tile, ...]:
    """Return the tiles that have content: performance, health, services, users."""
    tiles = (_performance(entries), _health(entries), _services(entries), _users(entries))
    return tuple(tile for tile in tiles if tile is not None)


def _performance(entries: Sequence[Entry]) -> Tile | None:
    """Return the scenarios with the largest change for the worse, else the slowest ones."""
    title = "Real-time performance"
    judged = 0
    worse: list[tuple[Entry, LatestChange]] = []
    for entry in entries:
        judged += entry.trend.decision is not Decision.INCONCLUSIVE
        change = latest_change(entry.trend)
        if entry.trend.worse - {SUCCESS} and change is not None:
            worse.append((entry, change))
    if worse:
        worse.sort(key=lambda row: (-abs(row[1].ratio or 0.0), row[0].name))
        full = max(1.0, abs(worse[0][1].ratio or 0.0))
        rows = []
        for entry, change in worse[:_MOST_ROWS]:
            share = abs(change.ratio or 0.0) / full
            rows.append(TileRow("", entry, describe_change(change), share, is_bad=True))
        figure = f"{len(worse)} of {judged}"
        about = f"Largest changes; a full bar is {wording.change(full)}"
        return Tile(title, Status.WORSE, figure, "judged scenarios worse", about, tuple(rows))
    longest = _longest_responses(entries)
    if not judged and not longest:
        return None
    if not judged:
        return Tile(title, Status.UNKNOWN, "Too few runs", "", "Longest response times", longest)
    about = "Longest response times" if longest else ""
    return Tile(title, Status.GOOD, f"0 of {judged}", "judged scenarios worse", about, longest)


def _longest_responses(entries: Sequence[Entry]) -> tuple[TileRow, ...]:
    times: list[tuple[float, Entry]] = []
    for entry in entries:
        time_ms = entry.newest.figures.get("e2e_ms")
        if time_ms is not None:
            times.append((time_ms, entry))
    times.sort(key=lambda row: (-row[0], row[1].name))
    rows = []
    for time_ms, entry in times[:_MOST_ROWS]:
        share = time_ms / (times[0][0] or 1.0)
        rows.append(TileRow("", entry, typical_of(entry.newest, "e2e_ms"), share))
    return tuple(rows)


def _health(entries: Sequence[Entry]) -> Tile | None:
    """Return the alerts, and the services that use the most processor time."""
    is_watched = False
    alerts: list[str] = []
    uses: list[tuple[Entry, str, ServiceUsage]] = []
    for entry in entries:
        vitals = entry.newest.vitals
        if vitals is not None and vitals.alerts is not None:
            is_watched = True
            alerts += [f"{entry.name}: {alert}." for alert in vitals.alerts]
        for service, use in uses_of(entry.newest).items():
            uses.append((entry, service, use))
    if not is_watched and not uses:
        return None
    uses.sort(key=lambda row: (-row[2].cpu_pct, row[0].name, row[1]))
    rows = _most_cpu(uses[: 1 if alerts else _MOST_ROWS])
    status, figure, unit = Status.UNKNOWN, "Not watched", ""
    if is_watched:
        status, figure, unit = Status.GOOD, "0", "alerts"
    if alerts:
        status, figure, unit = Status.LOOK, str(len(alerts)), "alert" if len(alerts) == 1 else "alerts"
    about = f"Most CPU; a full bar is {wording.counted(_full_cores(uses), 'core')}" if rows else ""
    return Tile("System health", status, figure, unit, about, rows, _first_sentences(alerts))


def _full_cores(uses: Sequence[tuple[Entry, str, ServiceUsage]]) -> int:
    """Return the number of complete cores that has room for the highest use."""
    return max(1, math.ceil(uses[0][2].cpu_pct / _CORE_PCT))


def _most_cpu(uses: Sequence[tuple[Entry, str, ServiceUsage]]) -> tuple[TileRow, ...]:
    """Return a row for each use, of which the first one is the highest."""
    rows = []
    for entry, service, use in uses:
        share = max(0.0, use.cpu_pct) / (_CORE_PCT * _full_cores(uses))
        rows.append(TileRow(service, entry, f"{use.cpu_pct:.0f} % of a core", share))
    return tuple(rows)


def _first_sentences(sentences: Sequence[str]) -> str:
    shown = list(sentences[:_MOST_ALERTS])
    rest = len(sentences) - len(shown)
    return " ".join([*shown, f"{rest} more."] if rest else shown)


def _services(entries: Sequence[Entry]) -> Tile | None:
    """Return the health checks that failed the longest."""
    count = 0
    down: list[tuple[float, Entry, str]] = []
    for entry in entries:
        vitals = entry.newest.vitals
        for check, up_ratio in (vitals.up if vitals else {}).items():
            count += 1
            if up_ratio < 1.0:
                down.append((up_ratio, entry, check))
    if not count:
        return None
    down.sort(key=lambda row: (row[0], row[1].name, row[2]))
    rows = []
    for up_ratio, entry, check in down[:_MOST_ROWS]:
        text = describe_downtime(entry.newest, up_ratio)
        rows.append(TileRow(check, entry, text, 1.0 - up_ratio, is_bad=True))
    figure = f"{count - len(down):,} of {count:,}"
    unit = "health checks always up"
    if down:
        about = "Down the longest, of the run's time"
        return Tile("Service status", Status.LOOK, figure, unit, about, tuple(rows))
    text = "Every health check of the newest runs was up all the time."
    return Tile("Service status", Status.GOOD, figure, unit, "", (), text)


def _users(entries: Sequence[Entry]) -> Tile | None:
    """Return the scenarios with the lowest success, else those with the longest p95."""
    runs: list[Entry] = []
    ok = 0
    failed = 0
    unhappy = 0
    for entry in entries:
        if entry.newest.safe_load is None:  # a search tries loads that fail
            runs.append(entry)
            ok += entry.newest.ok
            failed += entry.newest.failed
            unhappy += _is_unhappy(entry)
    if not runs:
        return None
    status = Status.LOOK if unhappy else Status.GOOD
    if any(SUCCESS in entry.trend.worse or fails_threshold(entry.newest) for entry in runs):
        status = Status.WORSE
    figure = wording.percent(ok / (ok + failed))
    unit = f"of {ok + failed:,} requests succeeded"
    about, rows = "Longest p95 response times", _longest_waits(runs)
    if failed:
        about = f"Most failures; a full bar is the {wording.percent(_MOST_FAILED)} limit"
        rows = _failures(runs)
    return Tile("User experience", status, figure, unit, about if rows else "", rows, _count_crossed(runs))


def _count_crossed(runs: Sequence[Entry]) -> str:
    crossed = sum(fails_threshold(entry.newest) for entry in runs)
    return f"{wording.counted(crossed, 'scenario')} crossed a threshold." if crossed else ""


def _failures(runs: Sequence[Entry]) -> tuple[TileRow, ...]:
    worst = sorted(runs, key=lambda entry: (success_of(entry.newest), entry.name))
    rows = []
    for entry in worst[:_MOST_ROWS]:
        run = entry.newest
        if not run.failed:
            break
        ratio = 1.0 - success_of(run)
        rows.append(
            TileRow(
                "",
                entry,
                f"{run.failed:,} of {run.ok + run.failed:,} failed",
                min(1.0, ratio / _MOST_FAILED),
                success_of(run) < LEAST_SUCCESS,
            )
        )
    return tuple(rows)


def _longest_waits(runs: Sequence[Entry]) -> tuple[TileRow, ...]:
    waits: list[tuple[float, Entry]] = []
    for entry in runs:
        p95_ms = wait_of(entry.newest).p95
        if p95_ms is not None:
            waits.append((p95_ms, entry))
    waits.sort(key=lambda row: (-row[0], row[1].name))
    rows = []
    for p95_ms, entry in waits[:_MOST_ROWS]:
        rows.append(TileRow("", entry, wait_of(entry.newest).text("p95"), p95_ms / (waits[0][0] or 1.0)))
    return tuple(rows)


def _is_unhappy(entry: Entry) -> bool:
    run = entry.newest
    return fails_threshold(run) or SUCCESS in entry.trend.worse or success_of(run) < LEAST_SUCCESS
