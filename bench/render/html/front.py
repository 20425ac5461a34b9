"""The tables of the site's front page: the newest run of each history, by subject."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.core.history.history import HistoryPoint
from bench.core.report.dashboard import Dashboard, Entry, Tile, success_of, typical_of, uses_of, wait_of
from bench.core.report.load_change import describe_load_with_interval
from bench.core.samples.sample import Outcome
from bench.core.values import wording
from bench.render.document.table import Table
from bench.render.document.trend import trend_verdict

OPEN_ROWS = 100
"""Rows of each table that stay open; the reader unfolds the others."""
_GOOD_STATES = frozenset({"up", "answered"})
Link = Callable[[Entry], str]
"""Returns the cell that names a history."""


@dataclass(frozen=True, slots=True)
class FrontTable:
    """A tile of the front page with its table."""

    name: str
    """Id of the section."""
    tile: Tile
    """The summary."""
    table: Table
    """One or more rows for each history."""


def front_tables(board: Dashboard, link: Link) -> tuple[FrontTable, ...]:
    """Return the four tables, in the order of the tiles."""
    tables = {
        "performance": _performance(board.entries, link),
        "health": _health(board.entries, link),
        "services": _services(board.entries, link),
        "users": _users(board.entries, link),
    }
    sections = []
    for tile, (name, table) in zip(board.tiles, tables.items(), strict=True):
        sections.append(FrontTable(name, tile, replace(table, shown=OPEN_ROWS)))
    return tuple(sections)


def _performance(entries: Sequence[Entry], link: Link) -> Table:
    columns = ("scenario", "answers", "tokens", "response time", "p95", "first token", "verdict")
    rows = []
    for entry in entries:
        rows.append(_performance_row(entry, link))
    return Table("Performance of the newest runs", columns, tuple(rows))


def _performance_row(entry: Entry, link: Link) -> tuple[str, ...]:
    run = entry.newest
    return (
        link(entry),
        _rate(run.vitals.requests_rps if run.vitals else None),
        _rate(run.vitals.tokens_tps if run.vitals else None),
        _response_time(run),
        wait_of(run).text("p95"),
        typical_of(run, "ttft_ms"),
        trend_verdict(entry.trend),
    )


def _response_time(run: HistoryPoint) -> str:
    """Return the typical response time; of a capacity search the safe load, which is its only figure."""
    safe = run.safe_load
    if safe is None:
        return typical_of(run, "e2e_ms")
    return f"safe load {describe_load_with_interval(safe)}"


def _health(entries: Sequence[Entry], link: Link) -> Table:
    columns = ("scenario", "most CPU", "most memory", "crossed thresholds", "alerts")
    rows = []
    for entry in entries:
        rows.append(_health_row(entry, link))
    return Table("Health in the newest runs", columns, tuple(rows))


def _health_row(entry: Entry, link: Link) -> tuple[str, ...]:
    run = entry.newest
    crossed = wording.DASH
    if run.vitals is not None:
        crossed = ", ".join(run.vitals.crossed) or "none"
    return (link(entry), _most_cpu(run), _most_memory(run), crossed, _alerts(run))


def _most_cpu(run: HistoryPoint) -> str:
    uses = uses_of(run)
    if not uses:
        return wording.DASH
    name, use = max(uses.items(), key=lambda item: item[1].cpu_pct)
    return f"{use.cpu_pct:.0f} % {name}"


def _most_memory(run: HistoryPoint) -> str:
    uses = uses_of(run)
    if not uses:
        return wording.DASH
    name, use = max(uses.items(), key=lambda item: item[1].memory_bytes or 0)
    return f"{wording.memory(use.memory_bytes)} {name}"


def _alerts(run: HistoryPoint) -> str:
    if run.vitals is None or run.vitals.alerts is None:
        return wording.DASH
    return "; ".join(run.vitals.alerts) or "none"


def _services(entries: Sequence[Entry], link: Link) -> Table:
    rows = []
    for entry in entries:
        rows += _service_rows(entry, link)
    rows.sort(key=lambda row: row[-1] in _GOOD_STATES)
    columns = ("scenario", "check", "time up", "newest run", "status")
    return Table("Services in the newest runs", columns, tuple(rows))


def _service_rows(entry: Entry, link: Link) -> list[tuple[str, ...]]:
    run = entry.newest
    moment = f"{run.started_at:%Y-%m-%d %H:%M}"
    checks = run.vitals.up if run.vitals else {}
    if not checks:
        state = "answered" if run.ok else "no answers"
        return [(link(entry), wording.DASH, wording.DASH, moment, state)]
    rows: list[tuple[str, ...]] = []
    for check, up_ratio in checks.items():
        state = "up" if up_ratio == 1.0 else "was down"
        rows.append((link(entry), check, wording.percent(up_ratio), moment, state))
    return rows


def _users(entries: Sequence[Entry], link: Link) -> Table:
    columns = ("scenario", "success", "failed", "p50", "p95", "p99", "goodput", "errors")
    rows = []
    for entry in entries:
        if entry.newest.safe_load is None:  # a search tries loads that fail
            rows.append(_user_row(entry, link))
    return Table("Results for users in the newest runs", columns, tuple(rows))


def _user_row(entry: Entry, link: Link) -> tuple[str, ...]:
    run = entry.newest
    percentiles = wait_of(run)
    requests = run.ok + run.failed
    return (
        link(entry),
        wording.short_share(success_of(run), requests),
        f"{run.failed:,}",
        percentiles.text("p50"),
        percentiles.text("p95"),
        percentiles.text("p99"),
        wording.short_share(run.vitals.goodput_ratio if run.vitals else None, requests),
        _errors(run),
    )


def _errors(run: HistoryPoint) -> str:
    errors = []
    for outcome, count in (run.vitals.outcomes if run.vitals else {}).items():
        if outcome is not Outcome.OK and count:
            errors.append(f"{count} {outcome.value}")
    if errors:
        return ", ".join(errors)
    return "unknown" if run.failed else "none"


def _rate(per_second: float | None) -> str:
    return wording.DASH if per_second is None else f"{wording.rate(per_second)}/s"
