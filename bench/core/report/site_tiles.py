"""The four tiles of the site's front page: what matters across all scenarios, in their newest runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.core.config.watching import AlertLimits
from bench.core.history.vitals import ServiceUsage
from bench.core.report.latest_change import LatestChange, describe_change, latest_change
from bench.core.report.site_entry import Entry, success_of, typical_of, uses_of, wait_of
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS

LEAST_SUCCESS = AlertLimits().success_ratio
"""A run with a lower success ratio needs attention: the limit of alerts, unless a stack declares its own."""
_MOST_ROWS = 3
"""A tile shows at most this number of scenarios or services."""
_MOST_ALERTS = 3
"""A tile shows at most this number of alerts, and the number of others."""


class Status(StrEnum):
    """The status of a tile."""

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


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the four tiles."""

    title: str
    """Title for people."""
    status: Status
    """Status of the subject."""
    figure: str
    """The number that represents the subject."""
    about: str
    """What the bars show; may be empty."""
    rows: tuple[TileRow, ...]
    """The worst scenarios or services."""
    text: str = ""
    """Details in sentences; may be empty."""


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
        largest = abs(worse[0][1].ratio or 0.0) or 1.0
        rows = []
        for entry, change in worse[:_MOST_ROWS]:
            rows.append(TileRow("", entry, describe_change(change), abs(change.ratio or 0.0) / largest))
        figure = f"{len(worse)} of {judged} worse"
        return Tile(title, Status.LOOK, figure, "Largest changes for the worse", tuple(rows))
    longest = _longest_responses(entries)
    if not judged and not longest:
        return None
    if not judged:
        return Tile(title, Status.UNKNOWN, "Too few runs", "Longest response times", longest)
    figure = "Not worse" if judged == 1 else f"0 of {judged} worse"
    return Tile(title, Status.GOOD, figure, "Longest response times" if longest else "", longest)


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
    rows = []
    for entry, service, use in uses[:_MOST_ROWS]:
        share = max(0.0, use.cpu_pct) / (uses[0][2].cpu_pct or 1.0)
        rows.append(TileRow(service, entry, f"{use.cpu_pct:.0f} %", share))
    status, figure = Status.UNKNOWN, "Not watched"
    if is_watched:
        status, figure = Status.GOOD, "No alert"
    if alerts:
        status, figure = Status.LOOK, wording.counted(len(alerts), "alert")
    about = "Most CPU, of one core" if rows else ""
    return Tile("System health", status, figure, about, tuple(rows), _first_sentences(alerts))


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
        rows.append(TileRow(check, entry, _downtime(entry, up_ratio), 1.0 - up_ratio))
    figure = f"{count - len(down)} of {count} up"
    if down:
        return Tile("Service status", Status.LOOK, figure, "Down the longest", tuple(rows))
    text = "Every health check of the newest runs was up all the time."
    return Tile("Service status", Status.GOOD, figure, "", (), text)


def _downtime(entry: Entry, up_ratio: float) -> str:
    elapsed_s = entry.newest.vitals.elapsed_s if entry.newest.vitals else 0.0
    down_s = (1.0 - up_ratio) * elapsed_s
    return f"{down_s:.1f} s of {elapsed_s:.0f} s"


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
    figure = wording.percent(ok / (ok + failed))
    about, rows = "longest waits, p95", _longest_waits(runs)
    if failed:
        about, rows = "most failures", _failures(runs)
    about = f"of {ok + failed:,} requests succeeded; {about}" if rows else "of all requests succeeded"
    return Tile("User experience", status, figure, about, rows, _count_crossed(runs))


def _count_crossed(runs: Sequence[Entry]) -> str:
    crossed = sum(bool(entry.newest.vitals and entry.newest.vitals.crossed) for entry in runs)
    return f"{wording.counted(crossed, 'scenario')} crossed a threshold." if crossed else ""


def _failures(runs: Sequence[Entry]) -> tuple[TileRow, ...]:
    worst = sorted(runs, key=lambda entry: (success_of(entry.newest), entry.name))
    rows = []
    for entry in worst[:_MOST_ROWS]:
        run = entry.newest
        if not run.failed:
            break
        ratio = 1.0 - success_of(run)
        rows.append(TileRow("", entry, f"{run.failed:,} of {run.ok + run.failed:,} failed", ratio))
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
    is_crossed = run.vitals is not None and bool(run.vitals.crossed)
    return is_crossed or SUCCESS in entry.trend.worse or success_of(run) < LEAST_SUCCESS
